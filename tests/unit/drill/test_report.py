"""The report: what makes a drill fail, and that people and machines are told the same."""

from dataclasses import replace

import pytest

from drill.faults import Injected
from drill.history import History, Message, Wish
from drill.quiet import Stillness
from drill.recovery import recoveries
from drill.report import Outcome, as_json, as_markdown, failures_of
from drill.schedule import Fault, Kind
from drill.verdict import Doubt, Problem, Settled, Verdict
from drill.verdict import Fault as Violation

STILL = Stillness(still=True, seconds=5.0, left={})
VERDICT = Verdict([], messages=1, turns=1, answers=1, parts=1)


def _injected(kind: Kind, bitten: int, missed: int) -> list[Injected]:
    struck = [
        Injected(Fault(nth, kind, "agent"), nth, nth, bitten=True, ready_time=nth + 1.0)
        for nth in range(bitten)
    ]
    return struck + [Injected(Fault(nth, kind, "agent"), note="was down") for nth in range(missed)]


def _outcome(injected: list[Injected]) -> Outcome:
    history = History()
    message = Message("SM1", "whatsapp", "+12025550001", Wish.ANSWER, "SM1")
    history.add(message)
    history.unknown(message, history.invoke(message), "503")
    history.ok(message, history.invoke(message), "200")
    return Outcome(
        command="fte drill --seed 1",
        seed=1,
        minutes=1.0,
        rate=1.0,
        wanted_kills=9,
        start=0.0,
        drilled_seconds=60.0,
        cpu_seconds={"stack": 10.0, "drill": 1.0},
        described={
            "commit": "abc",
            "machine": {"cores": 2, "memory_gib": 24, "system": "Linux x86_64"},
            "versions": {"python": "3.11"},
        },
        injected=injected,
        history=history,
        handled=[],
        recoveries=recoveries(injected, []),
        stillness=STILL,
        verdict=VERDICT,
    )


PASSED = _outcome(_injected(Kind.KILL_SERVICE, 9, 1))


def test_a_drill_without_violations_passes() -> None:
    assert failures_of(PASSED) == []


@pytest.mark.parametrize(
    ("outcome", "named"),
    [
        (_outcome(_injected(Kind.KILL_SERVICE, 8, 0)), "8 kills of 9"),
        (_outcome(_injected(Kind.KILL_SERVICE, 10, 2)), "only 10 of 12 faults bit: kill service"),
        (
            _outcome([*PASSED.injected, *_injected(Kind.STOP_DATABASE, 0, 1)]),
            "only 0 of 1 faults bit: stop database",
        ),
        (replace(PASSED, stillness=replace(STILL, still=False, left={"a.b": 2})), "2 in a.b"),
        (replace(PASSED, verdict=replace(VERDICT, messages=0)), "no message came in"),
        (
            replace(PASSED, verdict=replace(VERDICT, problems=[Problem(Violation.LOST, "SM1")])),
            "1 violations",
        ),
    ],
)
def test_what_makes_a_drill_fail(outcome: Outcome, named: str) -> None:
    assert any(named in failure for failure in failures_of(outcome)), failures_of(outcome)


def test_a_part_that_never_came_back_makes_a_drill_fail() -> None:
    injected = _injected(Kind.KILL_SERVICE, 10, 0)
    injected[0].ready_time = None
    assert failures_of(_outcome(injected)) == ["1 parts did not come back: kill service"]


def test_people_and_machines_are_told_the_same() -> None:
    doubt = Doubt("i1", "whatsapp", "+12025550001", ("status_503",), Settled.RESEND, 2, 1, 1)
    problems = [Problem(Violation.DOUBLED, "one time more")]
    outcome = replace(PASSED, verdict=replace(VERDICT, problems=problems, doubts=[doubt]))
    outcome.failures.extend(failures_of(outcome))
    report = as_json(outcome)
    assert (report["passed"], report["doubled"], report["lost"]) == (False, 1, 0)
    assert report["unknown_outcomes"]["settled"]["resend"] == 1
    assert report["unknown_outcomes"]["extra_copies_allowed"] == 1
    assert report["refused_with"] == {"503": 1}
    assert report["schedule"][0] == {
        "at": 0, "kind": "kill service", "part": "agent", "bitten": True,
        "struck": 0.0, "ready_again": 1.0,
    }  # fmt: skip
    page = as_markdown(report)
    for line in (
        "# Fault drill: FAILED",
        "    fte drill --seed 1",
        "| **doubled** | 1 |",
        "| settled by resend | 1 |",
        "| kill service | 10 | 9 | 1.00 / 1.00 / 1.00 (9) | none | none | 5 |",
        "- doubled: one time more",
    ):
        assert line in page.splitlines(), page
    assert "+12025550001" not in page
