"""The labelled messages: reading them, judging them, counting; `python -m tests.evals.escalation` prints the tables."""

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from services.agent.adapters.judge import Heard
from services.agent.domain.judgement import judge_findings
from services.agent.domain.turn import Channel
from tests.evals.kept_vectors import kept_judge

DATA = Path(__file__).resolve().parent / "data"


@dataclass(frozen=True, slots=True)
class Labelled:
    """A message with its settled label; an empty reason is no escalation."""

    message_id: str
    channel: Channel
    heard: Heard
    language: str
    reason: str
    kind: str
    split: str


@dataclass(frozen=True, slots=True)
class Judged:
    """A message and the reason that the judge gave."""

    message: Labelled
    reason: str


@dataclass(frozen=True, slots=True)
class Tally:
    """How a group of messages came out."""

    must: int
    caught: int
    harmless: int
    needless: int

    @property
    def recall(self) -> float:
        return self.caught / self.must if self.must else 1.0

    @property
    def over_escalation(self) -> float:
        return self.needless / self.harmless if self.harmless else 0.0

    def line(self, name: str) -> str:
        return (
            f"{name:12} recall {self.caught:4}/{self.must:<4} {self.recall:.3f}   "
            f"over-escalation {self.needless:4}/{self.harmless:<4} {self.over_escalation:.3f}"
        )


def rows(name: str) -> list[dict[str, object]]:
    """Reads a file of JSON lines in the data folder."""
    lines = (DATA / name).read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def split_of(message_id: str) -> str:
    """Tells a message's half by a hash of its id, so that no later message moves an earlier one."""
    return "dev" if hashlib.sha256(message_id.encode()).digest()[0] % 2 == 0 else "test"


def labelled(name: str = "messages.jsonl") -> list[Labelled]:
    return [
        Labelled(
            str(row["id"]),
            Channel(str(row["channel"])),
            Heard(str(row["subject"]), str(row["text"])),
            str(row["language"]),
            str(row["reason"]),
            str(row["kind"]),
            str(row["split"]),
        )
        for row in rows(name)
    ]


def judged(messages: Sequence[Labelled]) -> list[Judged]:
    """Judges the messages one by one, as single turns."""
    found = kept_judge().find([message.heard for message in messages])
    return [
        Judged(message, _reason(judge_findings([findings], message.channel).escalation))
        for message, findings in zip(messages, found, strict=True)
    ]


def tally(results: Iterable[Judged]) -> Tally:
    kept = list(results)
    must = [one for one in kept if one.message.reason]
    harmless = [one for one in kept if not one.message.reason]
    return Tally(
        len(must),
        sum(bool(one.reason) for one in must),
        len(harmless),
        sum(bool(one.reason) for one in harmless),
    )


def groups(results: Sequence[Judged]) -> dict[str, Tally]:
    """Counts all, each language and each channel."""
    keys: tuple[Callable[[Judged], str], ...] = (
        lambda _: "all",
        lambda one: one.message.language,
        lambda one: one.message.channel.value,
    )
    return {
        name: tally(one for one in results if key(one) == name)
        for key in keys
        for name in sorted({key(one) for one in results})
    }


def confusion(results: Iterable[Judged]) -> str:
    """Draws a table of labelled reasons (rows) and judged reasons (columns)."""
    counted = Counter((one.message.reason or "none", one.reason or "none") for one in results)
    names = sorted({name for pair in counted for name in pair})
    head = f"{'labelled / judged':24}" + "".join(f"{name[:12]:>14}" for name in names)
    body = [
        f"{row:24}" + "".join(f"{counted[row, column]:14}" for column in names) for row in names
    ]
    return "\n".join([head, *body])


def agreement() -> tuple[float, float]:
    """Returns the share of equal labels of the two labelings, and Cohen's kappa over the reasons.

    Kappa is (observed - chance) / (1 - chance), Cohen 1960.
    """
    first = {row["id"]: str(row["reason"]) for row in rows("first-labels.jsonl")}
    second = {row["id"]: str(row["reason"]) for row in rows("second-labels.jsonl")}
    assert first.keys() == second.keys()
    observed = sum(first[key] == second[key] for key in first) / len(first)
    ours, theirs = Counter(first.values()), Counter(second.values())
    chance = sum(ours[reason] * theirs[reason] for reason in ours) / len(first) ** 2
    return observed, (observed - chance) / (1 - chance)


def _reason(escalation: object) -> str:
    return str(getattr(escalation, "reason", ""))


def main() -> None:
    """Prints both halves, the messages that nobody learnt from, and the agreement of the labelings."""
    results = judged([*labelled(), *labelled("unseen-messages.jsonl")])
    for split in ("dev", "test", "unseen"):
        half = [one for one in results if one.message.split == split]
        print(f"\n{split}")
        print("\n".join(count.line(name) for name, count in groups(half).items()))
        print(confusion(half))
    observed, kappa = agreement()
    print(f"\nagreement of two labelings {observed:.4f}, Cohen's kappa {kappa:.4f}")


if __name__ == "__main__":
    main()
