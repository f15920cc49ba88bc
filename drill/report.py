"""Owns what a drill says at its end: one document for machines, and the same as a table for people."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from drill.faults import Injected
from drill.history import History, Step
from drill.quiet import Stillness
from drill.recovery import Handled, Recovery, longest_stall
from drill.schedule import KILLS
from drill.verdict import Fault, Settled, Verdict

# Fewer bites than this, of any kind, and the drill proves nothing about that kind.
LEAST_BITTEN_SHARE: Final = 0.9
_MOST_PROBLEMS: Final = 200
_NOT_OK: Final = frozenset({Step.FAIL, Step.UNKNOWN})


@dataclass(frozen=True, slots=True)
class Outcome:
    """Holds everything that a drill found out; `start` in Unix seconds, `cpu_seconds` by who spent them."""

    command: str
    seed: int
    minutes: float
    rate: float
    wanted_kills: int
    start: float
    drilled_seconds: float
    cpu_seconds: Mapping[str, float]
    described: Mapping[str, Any]
    injected: Sequence[Injected]
    history: History
    handled: Sequence[Handled]
    recoveries: Sequence[Recovery]
    stillness: Stillness
    verdict: Verdict
    failures: list[str] = field(default_factory=list)

    @property
    def kills_seen(self) -> int:
        """Returns how many kills were seen to bite."""
        return sum(one.bitten for one in self.injected if one.fault.kind in KILLS)


def failures_of(outcome: Outcome) -> list[str]:
    """Returns why the drill did not pass, a sentence each; none if it did."""
    failures = []
    verdict = outcome.verdict
    if verdict.problems:
        failures.append(f"{len(verdict.problems)} violations")
    if not outcome.stillness.still:
        failures.append(f"the stack was {outcome.stillness}")
    if not verdict.messages:
        failures.append("no message came in")
    if outcome.kills_seen < outcome.wanted_kills:
        failures.append(f"{outcome.kills_seen} kills of {outcome.wanted_kills} were seen to bite")
    for one in outcome.recoveries:
        if one.bitten < LEAST_BITTEN_SHARE * one.planned:
            failures.append(f"only {one.bitten} of {one.planned} faults bit: {one.kind}")
        if one.never:
            failures.append(f"{one.never} parts did not come back: {one.kind}")
    return failures


def as_json(outcome: Outcome) -> dict[str, Any]:
    """Returns the whole report as one document; times in seconds from the start."""
    verdict, history = outcome.verdict, outcome.history
    messages = history.messages.values()
    settled = Counter(doubt.settled for doubt in verdict.doubts)
    return {
        "passed": not outcome.failures,
        "failures": outcome.failures,
        "seed": outcome.seed,
        "minutes": outcome.minutes,
        "rate_per_s": outcome.rate,
        "replay": outcome.command,
        **outcome.described,
        "drilled_s": round(outcome.drilled_seconds, 1),
        "rest_s": round(outcome.stillness.seconds, 1),
        "cpu_s": {name: round(value, 1) for name, value in outcome.cpu_seconds.items()},
        "kills": {"wanted": outcome.wanted_kills, "seen_to_bite": outcome.kills_seen},
        "kills_by_part": dict(sorted(_kills_by_part(outcome.injected).items())),
        "messages": {
            "written": len(messages),
            "requests": sum(message.requests for message in messages),
            "acknowledged": sum(message.accepted for message in messages),
            "in_doubt": sum(message.in_doubt for message in messages),
            "in_the_inbox": verdict.messages,
        },
        "requests_by_outcome": dict(Counter(entry.step.value for entry in history.entries)),
        # The status, or the name of what broke.
        "refused_with": dict(
            Counter(
                entry.detail for entry in history.entries if entry.step in _NOT_OK
            ).most_common()
        ),
        "turns": verdict.turns,
        "outcomes": dict(sorted(verdict.outcomes.items())),
        "suppressed": dict(sorted(verdict.suppressed.items())),
        "lost": verdict.count(Fault.LOST),
        "doubled": verdict.count(Fault.DOUBLED),
        "order_inversions": verdict.count(Fault.ORDER),
        "other_violations": verdict.count(Fault.OTHER),
        "unknown_outcomes": {
            "all": len(verdict.doubts),
            "settled": {how.value: settled[how] for how in Settled},
            "extra_copies_allowed": sum(doubt.extra_copies for doubt in verdict.doubts),
            "list": [doubt.as_json() for doubt in verdict.doubts],
        },
        "most_attempts": max((doubt.attempts for doubt in verdict.doubts), default=1),
        "longest_stall_s": round(longest_stall(outcome.handled), 2),
        "recovery": {one.kind.value: one.as_json() for one in outcome.recoveries},
        "violations": [str(problem) for problem in verdict.problems[:_MOST_PROBLEMS]],
        "schedule": [one.as_json(outcome.start) for one in outcome.injected],
    }


def _kills_by_part(injected: Sequence[Injected]) -> Counter[str]:
    return Counter(one.fault.part for one in injected if one.bitten and one.fault.kind in KILLS)


def as_markdown(report: Mapping[str, Any]) -> str:
    """Returns the report as a page for people."""
    messages, doubts = report["messages"], report["unknown_outcomes"]
    result = "passed" if report["passed"] else "FAILED"
    lines = [
        f"# Fault drill: {result}",
        "",
        f"    {report['replay']}",
        "",
        f"Commit {report['commit']}; {_machine(report['machine'])}; {_listed(report['versions'])}.",
        "",
        *(f"- **{failure}**" for failure in report["failures"]),
        "",
        "| what | count |",
        "|---|---|",
        f"| kills seen to bite | {report['kills']['seen_to_bite']} |",
        f"| messages written, each counted once | {messages['written']} |",
        f"| requests, repeats included | {messages['requests']} |",
        f"| messages in the inbox | {messages['in_the_inbox']} |",
        f"| never acknowledged, so in doubt | {messages['in_doubt']} |",
        *(f"| {name} | {count} |" for name, count in report["outcomes"].items()),
        *(f"| suppressed: {name} | {count} |" for name, count in report["suppressed"].items()),
        f"| turns | {report['turns']} |",
        f"| **lost** | {report['lost']} |",
        f"| **doubled** | {report['doubled']} |",
        f"| **order inversions** | {report['order_inversions']} |",
        f"| **other violations** | {report['other_violations']} |",
        f"| sends with an unknown outcome | {doubts['all']} |",
        *(f"| settled by {how} | {count} |" for how, count in doubts["settled"].items() if count),
        f"| extra copies of resent parts, as the policy allows | {doubts['extra_copies_allowed']} |",
        f"| longest stall | {report['longest_stall_s']} s |",
        f"| at rest after the last fault | {report['rest_s']} s |",
        f"| CPU seconds in {report['drilled_s']} s | {_listed(report['cpu_s'])} |",
        "",
        *_recovery_table(report["recovery"]),
        "",
        f"Kills by part: {_listed(report['kills_by_part'])}.",
    ]
    if report["violations"]:
        lines += ["", "Violations:", "", *(f"- {one}" for one in report["violations"])]
    return "\n".join(lines) + "\n"


def _machine(machine: Mapping[str, Any]) -> str:
    return f"{machine['cores']} cores, {machine['memory_gib']} GiB, {machine['system']}"


def _recovery_table(recovery: Mapping[str, Any]) -> list[str]:
    """Returns seconds as p50 / p99 / max: until ready, until progress, and that of faults alone."""
    lines = [
        "Seconds as p50 / p99 / max. *Ready*: the part works again. *Progress*: a message that was",
        "accepted after the fault is answered (database: counted from its being back; pause: from the",
        "waking). *Alone*: of faults that no other one overlapped.",
        "",
        "| fault | planned | bit | ready | progress | alone | aim of progress, p99 |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, one in recovery.items():
        aim = f"{one['progress_p99_aim_s']:g}" if one["progress_p99_aim_s"] else ""
        alone = _three(one["progress_alone_s"])
        lines.append(
            f"| {name} | {one['planned']} | {one['bitten']} | {_three(one['ready_s'])} "
            f"| {_three(one['progress_s'])} | {alone} | {aim} |"
        )
    return lines


def _three(spread: Mapping[str, float]) -> str:
    if not spread["count"]:
        return "none"
    shown = f"{spread['p50']:.2f} / {spread['p99']:.2f} / {spread['max']:.2f}"
    return f"{shown} ({spread['count']})"


def _listed(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in values.items())
