"""The evidence model: what it measures, how it orders, and what the floor holds back."""

import json
import math
from pathlib import Path

import numpy as np
import pytest

from services.agent.adapters.evidence_file import evidence_model, load_evidence_model
from services.agent.domain.answerability import measure_question
from services.agent.domain.evidence import (
    Candidate,
    EvidenceModel,
    LogisticModel,
    Nearness,
    StagedModel,
    Statistics,
    answering,
    fuse,
    judge,
    measure,
    question_terms,
)
from services.agent.domain.knowledge import Section
from services.agent.domain.terms import terms

RESET = Section(
    "a#1",
    "a",
    "Reset a password",
    "Open the sign-in page and ask for a link.",
    "",
    "customer",
    0,
    "",
)
EXPORT = Section(
    "a#2",
    "a",
    "Export your data",
    "Open settings and select export. A file comes.",
    "",
    "customer",
    1,
    "",
)
STATISTICS = Statistics(2, {"reset": 1, "password": 1, "export": 1, "open": 2})


def cosines(value: float) -> dict[Nearness, float]:
    return dict.fromkeys(Nearness, value)


def asked(question: str, spread: dict[str, int], *held: str) -> dict[str, float]:
    terms_held = [frozenset(terms(text)) for text in held]
    statistics = Statistics(100, spread)
    weights = statistics.weights(question_terms(question))
    return measure_question(question, weights, spread, terms_held, {})


def test_full_coverage_is_one_and_none_is_nought() -> None:
    found = measure("reset password", [Candidate(RESET), Candidate(EXPORT)], STATISTICS)
    assert found["statement_covered"].tolist() == pytest.approx([1.0, 0.0])
    assert found["title_covered"].tolist() == pytest.approx([1.0, 0.0])


def test_what_stands_in_none_of_the_first_sections_is_missing() -> None:
    spread = {"reset": 1, "password": 1}
    assert asked("reset password", spread, "reset", "password")["missing"] == 0.0
    assert asked("reset password", spread, "other", "words")["missing"] == pytest.approx(1.0)
    late = asked("reset password", spread, "other", "words", "here", "reset password")
    assert late["missing"] == pytest.approx(1.0)
    rare = asked("reset password of salesforce", spread, "reset password")["missing"]
    assert 1 / 3 < rare < 1 / 2


@pytest.mark.parametrize(
    ("near", "margin"),
    [
        ([0.2, 0.3, 0.9, 0.3, 0.2, 0.1, 0.1], 0.8),
        ([0.5] * 7, 0.0),
        ([0.9, 0.9, 0.9, 0.9, 0.9, 0.1], 0.8),
        ([0.7, 0.2], 0.5),
        ([0.7], 0.0),
    ],
)
def test_the_margin_is_that_over_the_sixth_section(near: list[float], margin: float) -> None:
    measured = {"statement_cosine": np.array(near)}
    found = measure_question("reset", {"reset": 1.0}, {"reset": 1}, [], measured)
    assert found["margin"] == pytest.approx(margin)


@pytest.mark.parametrize(
    ("question", "names"),
    [
        ("Do you integrate with SAP?", 1),
        ("can I connect HubSpot", 1),
        ("Do you support Okta?", 0),
        ("Integrate it", 0),
        ("Thanks. Integrate it", 0),
        ("DO YOU INTEGRATE IT", 0),
        ("Wie kann ich Rechnungen als Kuchen bekommen?", 0),
        ("Wie kann ich Rechnungen als XRechnung bekommen?", 1),
    ],
)
def test_a_name_that_stands_nowhere_is_told_from_other_words(question: str, names: int) -> None:
    assert asked(question, {"okta": 1}, "")["unknown_name"] == names


def test_measures_know_no_scale_of_the_collection() -> None:
    given = [Candidate(RESET, cosines(0.8)), Candidate(EXPORT, cosines(0.5))]
    for feature, values in measure("reset password open", given, STATISTICS).items():
        assert all(-3.0 <= value <= 3.0 for value in values), feature


def test_the_order_does_not_depend_on_the_order_of_candidates() -> None:
    given = [Candidate(RESET, cosines(0.8)), Candidate(EXPORT, cosines(0.5))]
    model = evidence_model()
    forward = judge("how do I reset my password", given, STATISTICS, model)
    assert forward == judge("how do I reset my password", given[::-1], STATISTICS, model)
    assert forward[0].section == RESET


def test_without_one_vector_all_are_judged_by_words() -> None:
    model = evidence_model()
    mixed = [Candidate(RESET, cosines(0.8)), Candidate(EXPORT)]
    plain = [Candidate(RESET), Candidate(EXPORT)]
    assert judge("reset password", mixed, STATISTICS, model) == judge(
        "reset password", plain, STATISTICS, model
    )


def test_the_others_fall_behind_the_first_by_the_odds_of_the_ranking() -> None:
    staged = StagedModel({"title_covered": 2.0}, LogisticModel({"missing": -1.0}, 0.5, 0.6))
    judged = judge(
        "reset password",
        [Candidate(EXPORT), Candidate(RESET)],
        STATISTICS,
        EvidenceModel(staged, staged),
    )
    assert [e.section for e in judged] == [RESET, EXPORT]
    answered = 1 / (1 + math.exp(-0.5))
    assert [e.score for e in judged] == pytest.approx(
        [answered, answered * math.exp(-2.0)], abs=1e-4
    )


def test_the_floor_decides_on_the_question() -> None:
    def floored(floor: float) -> EvidenceModel:
        staged = StagedModel({"title_covered": 2.0}, LogisticModel({}, 0.5, floor))
        return EvidenceModel(staged, staged)

    given = [Candidate(RESET), Candidate(EXPORT)]
    judged = judge("reset password", given, STATISTICS, floored(0.6))
    assert answering(judged, given, floored(0.6)) == judged
    assert answering(judged, given, floored(0.99)) == []
    assert answering([], [], floored(0.6)) == []


def test_rankings_are_fused_by_places() -> None:
    assert fuse([["a", "b", "c"], ["c", "b", "d"]], 3) == ["c", "b", "a"]
    assert fuse([[], ["x"]], 3) == ["x"]


@pytest.mark.parametrize(
    "content", ["", "[]", "{}", '{"hybrid": {}}', '{"hybrid": 3, "lexical": 4}']
)
def test_a_damaged_file_of_weights_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "evidence.json"
    path.write_text(content)
    with pytest.raises(ValueError, match=r"evidence\.json holds no evidence model"):
        load_evidence_model(path)


def test_the_weights_of_the_package_name_their_data() -> None:
    path = Path(__file__).resolve().parents[3] / "services" / "agent" / "models" / "evidence.json"
    written = json.loads(path.read_text())
    assert len(written["data"]["sha256"]) == 64
    assert all(source["commit"] and source["licence"] for source in written["data"]["outside"])


def test_no_nearness_counts_against_a_section() -> None:
    model = evidence_model()
    weights = [*model.hybrid.ranking.values(), *model.lexical.ranking.values()]
    assert min(weights) >= 0.0
    assert max(weights) < 20.0
