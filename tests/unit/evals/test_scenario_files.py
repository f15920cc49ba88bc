"""Scenarios are read strictly: each fault is named with file and line, and the real ones cover what they promise."""

from collections import Counter
from pathlib import Path

import pytest

from evals.play import wording
from evals.scenario import LANGUAGES, REASONS, Channel, Mood
from evals.scenario_files import ScenarioError, load_scenarios

GOOD = """\
- name: one
  channel: email
  language: en
  mood: calm
  subject: [Invoices]
  moves:
    - say: ["Where are the invoices?", "Invoices, please"]
      expect: {facts: ["Invoices|Bills", "Billing"], escalation: [none, weak_evidence], answers: 0-1}
"""


def write(folder: Path, text: str, name: str = "billing.yaml") -> Path:
    (folder / name).write_text(text, encoding="utf-8")
    return folder


def test_a_scenario_is_read(tmp_path: Path) -> None:
    [scenario] = load_scenarios(write(tmp_path, GOOD))
    [move] = scenario.moves
    assert (scenario.name, scenario.topic, scenario.channel) == ("one", "billing", Channel.EMAIL)
    assert move.wordings == (("Where are the invoices?",), ("Invoices, please",))
    assert move.expect.facts == (("Invoices", "Bills"), ("Billing",))
    assert (move.expect.answers, move.expect.may_answer) == ((0, 1), True)
    assert move.expect.escalation == {"weak_evidence"}


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("mood: calm", "mood: sleepy", "line 4: sleepy is none of calm"),
        ("mood: calm", "mod: calm", "line 4: mod is none of name"),
        ("mood: calm", "mood: calm\n  mood: calm", "line 5: mood stands twice"),
        ("  language: en\n", "", "line 1: language is missing"),
        ("language: en", "language: nl", "line 3: nl is none of en"),
        ("weak_evidence", "weak", "line 8: weak is none of"),
        ("0-1", "some", "line 8: a number or 0-1 is wanted, not some"),
        ("facts: [", "fact: [", "line 8: fact is none of"),
        ('["Where are the invoices?", "Invoices, please"]', "[]", "line 7: a list with at least one entry"),
        ("channel: email", "channel: web_form", "line 7: a form's message"),
        ('"Invoices, please"', '"Invoices, please', "line 8"),
        ("- name: one", "name: one", "line 2"),
    ],
)  # fmt: skip
def test_a_fault_is_named_with_its_line(tmp_path: Path, old: str, new: str, said: str) -> None:
    text = GOOD.replace("Invoices, please", "Bill") if "form" in new else GOOD
    with pytest.raises(ScenarioError) as raised:
        load_scenarios(write(tmp_path, text.replace(old, new, 1)))
    assert str(raised.value).startswith("billing.yaml: ")
    assert said in str(raised.value)


def test_every_faulty_scenario_and_file_is_named(tmp_path: Path) -> None:
    broken = GOOD.replace("calm", "sleepy")
    write(tmp_path, broken + broken.replace("one", "two"))
    write(tmp_path, broken, "other.yaml")
    with pytest.raises(ScenarioError) as raised:
        load_scenarios(tmp_path)
    assert [line.split(":")[0] for line in str(raised.value).splitlines()] == [
        "billing.yaml", "billing.yaml", "other.yaml",
    ]  # fmt: skip


def test_two_of_one_name_and_an_unknown_wish_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match="one stands twice"):
        load_scenarios(write(tmp_path, GOOD + GOOD))
    with pytest.raises(ScenarioError, match="no scenario is named nobody"):
        load_scenarios(write(tmp_path, GOOD), only=["nobody"])
    with pytest.raises(ScenarioError, match="no scenarios in"):
        load_scenarios(tmp_path / "nothing")


def test_the_scenarios_cover_channels_languages_moods_topics_and_reasons() -> None:
    scenarios = load_scenarios()
    assert len(scenarios) >= 60
    moves = [move for one in scenarios for move in one.moves]
    assert {one.language for one in scenarios} == set(LANGUAGES)
    assert {one.mood for one in scenarios} == set(Mood)
    assert min(Counter(move.channel for move in moves).values()) >= 30
    assert {reason for move in moves for reason in move.expect.escalation} == set(REASONS)
    sections = [
        line.removeprefix("## ")
        .strip()
        .lower()
        .replace(" ", "_")
        .replace(",", "")
        .replace("-", "_")
        for line in Path("context/product-docs.md").read_text(encoding="utf-8").splitlines()
        if line.startswith("## ")
    ]
    assert set(sections) <= {one.topic for one in scenarios}


def test_the_quick_set_is_small_and_knows_every_channel() -> None:
    quick = load_scenarios(quick=True)
    assert len(quick) <= 30
    assert {one.channel for one in quick} == set(Channel)


def test_trials_use_every_wording_before_one_comes_again() -> None:
    [move] = load_scenarios(only=["password_forgotten"])[0].moves
    said = {wording(move, "seed", trial)[0] for trial in range(len(move.wordings))}
    assert len(said) == len(move.wordings)
    assert wording(move, "seed", 0) == wording(move, "seed", 0)
