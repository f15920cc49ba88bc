"""The evidence model: what it measures, how it orders, and what the floor holds back."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from services.agent.adapters.evidence_file import evidence_model, load_evidence_model
from services.agent.domain.chunks import Kind
from services.agent.domain.evidence import (
    Candidate,
    EvidenceModel,
    LogisticModel,
    Statistics,
    answering,
    fuse,
    judge,
    measure,
)
from services.agent.domain.knowledge import Section

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


def cosines(value: float) -> dict[Kind, float]:
    return dict.fromkeys(Kind, value)


def test_full_coverage_is_one_and_none_is_nought() -> None:
    found = measure("reset password", [Candidate(RESET), Candidate(EXPORT)], STATISTICS)
    assert found["covered"].tolist() == pytest.approx([1.0, 0.0])
    assert found["title_covered"].tolist() == pytest.approx([1.0, 0.0])


def test_a_term_that_stands_nowhere_counts_against_all() -> None:
    known = measure("reset password", [Candidate(RESET)], STATISTICS)["covered"][0]
    unknown = measure("reset password of salesforce", [Candidate(RESET)], STATISTICS)["covered"][0]
    assert unknown < 0.7 * known


def test_the_lead_is_the_distance_to_the_best_other() -> None:
    given = [Candidate(RESET, cosines(0.8)), Candidate(EXPORT, cosines(0.5))]
    lead = measure("reset", given, STATISTICS)["cosine_lead"]
    assert lead.tolist() == pytest.approx([0.3, -0.3])


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


def test_the_floor_decides_on_the_question() -> None:
    model = LogisticModel({"covered": 4.0}, -2.0, 0.6)
    both = EvidenceModel(model, model)
    given = [Candidate(RESET), Candidate(EXPORT)]
    judged = judge("reset password", given, STATISTICS, both)
    assert answering(judged, given, both) == judged
    high = EvidenceModel(replace(model, floor=0.99), replace(model, floor=0.99))
    assert answering(judged, given, high) == []
    assert answering([], [], both) == []


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
    assert set(evidence_model().lexical.weights) <= set(
        measure("x", [Candidate(RESET)], STATISTICS)
    )
