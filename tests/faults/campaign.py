"""The long proof: many worlds, every ordered pair of crashes, every planted bug, and a long drill on the real stack.

    python -m tests.faults.campaign                 all parts, about 90 minutes on two cores
    python -m tests.faults.campaign drill           one part: worlds, pairs, mutants or drill

Each part leaves its figures as JSON in docs/reports; docs/reports/README.md is written from what is there.
Exit 1 if any part found a violation.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from drill.ground import commit, machine
from tests.e2e.running import RunningStack
from tests.faults.mutants.catalogue import MUTANTS
from tests.faults.simulation import crash_points
from tests.faults.simulation.plan import Way

ROOT = Path(__file__).resolve().parents[2]
REPORTS = ROOT / "docs" / "reports"
WORLDS, STEP = 100_000, 10_000
DRILL = {"seed": 20261124, "minutes": 45, "rate": 7.6, "kills": 2000}
CORES = os.cpu_count() or 1


def main(arguments: Sequence[str]) -> int:
    """Runs the parts that are asked for; returns the exit code."""
    parts: dict[str, Callable[[], bool]] = {
        "worlds": worlds,
        "pairs": pairs,
        "mutants": mutants,
        "drill": drill,
    }
    parser = argparse.ArgumentParser(prog="python -m tests.faults.campaign")
    parser.add_argument("parts", nargs="*", choices=[*parts, []], help="all if none is named")
    chosen = parser.parse_args(arguments).parts or list(parts)
    REPORTS.mkdir(parents=True, exist_ok=True)
    passed = [parts[name]() for name in chosen]
    (REPORTS / "README.md").write_text(page())
    return 0 if all(passed) else 1


def worlds() -> bool:
    """Runs the seeded worlds, and writes down how far it came after each ten thousand."""
    report = REPORTS / "worlds.json"
    figures: dict[str, Any] = {}
    for start in range(0, WORLDS, STEP):
        asked = ("--start", str(start), "--seeds", str(STEP), "--report", str(report))
        _python("tests.faults.simulation", *asked)
        found: dict[str, Any] = json.loads(report.read_text())
        kept = {name: found[name] for name in ("first_seed", "jobs")}
        sums = {name: figures.get(name, 0) + found[name] for name in found if name not in kept}
        figures = {**sums, "first_seed": figures.get("first_seed", start), "jobs": kept["jobs"]}
        report.write_text(_text({**figures, **_ground()}))
    return not figures["failures"]


def pairs() -> bool:
    """Crashes at every boundary under every provider behaviour, and at every ordered pair of boundaries."""
    began = time.monotonic()
    singles = [
        (p, b) for way in Way for p in crash_points.points(way) for b in crash_points.BEHAVIOURS
    ]
    doubles = list(crash_points.pairs(tuple(Way), None, seed=0))
    with get_context("spawn").Pool(CORES) as pool:
        wrong = [
            *filter(None, pool.starmap(_single, singles, chunksize=50)),
            *filter(None, pool.starmap(_double, doubles, chunksize=200)),
        ]
    print(*wrong[:20], sep="\n")  # noqa: T201
    figures = {
        "crashes": len(singles),
        "ordered_pairs": len(doubles),
        "boundaries": len(frozenset().union(*crash_points.KNOWN.values())),
        "violations": len(wrong),
        "seconds": round(time.monotonic() - began, 1),
    }
    (REPORTS / "pairs.json").write_text(_text({**figures, **_ground()}))
    return not wrong


def mutants() -> bool:
    """Plants every known bug."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.faults.mutants"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    print(done.stdout)  # noqa: T201
    (REPORTS / "mutants.txt").write_text(done.stdout)
    figures = {"planted": len(MUTANTS), "all_caught": done.returncode == 0}
    (REPORTS / "mutants.json").write_text(_text({**figures, **_ground()}))
    return done.returncode == 0


def drill() -> bool:
    """Drills a real stack of its own, whose witnesses have short windows."""
    stack = RunningStack()
    try:
        stack.start()
        options = [text for name, value in DRILL.items() for text in (f"--{name}", str(value))]
        answer = stack.run(
            "drill", *options, "--report", str(REPORTS / "drill"), seconds=2 * 3600.0
        )
        print(answer.out, answer.err)  # noqa: T201
        # Every request of the drill would be some megabytes; the seed draws them again.
        (REPORTS / "drill.history.jsonl").unlink(missing_ok=True)
        return answer.code == 0
    finally:
        stack.remove()


def page() -> str:
    """Writes the page from the reports that are there."""
    lines = [
        "# The last campaign",
        "",
        (
            "Written by `make campaign`. Each part names the commit and the machine that it ran on; its command runs it "
            "again."
        ),
        "",
    ]
    if (found := _read("worlds")) is not None:
        lines += [
            "## Seeded worlds",
            "",
            (
                f"{found['worlds']:,} worlds (seeds {found['first_seed']} to "
                f"{found['first_seed'] + found['seeds'] - 1}), {found['messages']:,} messages in "
                f"{found['requests']:,} requests, {found['faults']:,} faults: **{found['failures']} violations**. "
                f"{found['worlds'] / found['seconds']:.0f} worlds a second on {found['jobs']} processes."
            ),
            "",
            *(f"- {name.replace('_', ' ')}: {found[name]:,}" for name in _SHOWN),
            "",
            (
                "`python -m tests.faults.simulation --seeds 100000`; one of them with its history: "
                "`python -m tests.faults.simulation --seed N --history`"
            ),
            "",
            _where(found),
        ]
    if (found := _read("pairs")) is not None:
        lines += [
            "## Crash points",
            "",
            (
                f"{found['boundaries']} boundaries; {found['crashes']:,} single crashes (before and after each crossing, "
                f"on three channels, under {len(crash_points.BEHAVIOURS)} provider behaviours) and all "
                f"{found['ordered_pairs']:,} ordered pairs: **{found['violations']} violations**."
            ),
            "",
            "`python -m tests.faults.campaign pairs`",
            "",
            _where(found),
        ]
    if (found := _read("mutants")) is not None:
        verdict = "all caught" if found["all_caught"] else "**not all caught**"
        lines += [
            "## Planted bugs",
            "",
            f"{found['planted']} planted, {verdict}; by which test or seed: [mutants.txt](mutants.txt).",
            "",
            "`make mutants`",
            "",
            _where(found),
        ]
    if (REPORTS / "drill.md").exists():
        lines += [
            "## Drill on the real stack",
            "",
            "[drill.md](drill.md), [drill.json](drill.json)",
            "",
        ]
    return "\n".join(lines).rstrip() + "\n"


_SHOWN = (
    "crossings",
    "boundary_faults",
    "strikes",
    "events_lost",
    "events_doubled",
    "provider_faults",
    "answered",
    "escalated",
    "with_human",
    "failed",
    "void_turns",
    "takeovers",
    "resends",
    "allowed_copies",
    "needs_human",
)


def _single(point: crash_points.Point, behaviour: Any) -> str:
    problems = crash_points.crash(point, behaviour).problems
    return f"{point} {behaviour}: {problems[0]}" if problems else ""


def _double(first: crash_points.Point, second: crash_points.Point) -> str:
    problems = crash_points.crash_twice(first, second).problems
    return f"{first} {second}: {problems[0]}" if problems else ""


def _python(*arguments: str) -> int:
    return subprocess.run([sys.executable, "-m", *arguments], cwd=ROOT, check=False).returncode


def _read(name: str) -> dict[str, Any] | None:
    path = REPORTS / f"{name}.json"
    return json.loads(path.read_text()) if path.exists() else None


def _ground() -> dict[str, Any]:
    return {"ground": {"commit": commit(), **machine()}}


def _where(found: dict[str, Any]) -> str:
    ground = found["ground"]
    return (
        f"Commit {ground['commit']}, {ground['cores']} cores, {ground['memory_gib']} GiB, "
        f"{ground['system']}.\n"
    )


def _text(figures: dict[str, Any]) -> str:
    return json.dumps(figures, indent=2) + "\n"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
