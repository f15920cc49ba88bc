"""Many worlds at once, on as many processes as there are cores."""

import gc
import multiprocessing
from collections.abc import Iterator

from tests.faults.simulation.plan import plan_of
from tests.faults.simulation.trial import Counts, attempt

CHUNK = 20


def crowd(seeds: range, jobs: int, chunk: int = CHUNK) -> Iterator[tuple[Counts, list[int]]]:
    """Runs the worlds of many seeds; yields the counts of `chunk` of them at a time, and which of those failed."""
    chunks = [seeds[at : at + chunk] for at in range(0, len(seeds), chunk)]
    if jobs == 1:
        yield from map(some, chunks)
        return
    # Fresh interpreters: nothing of one process's Python reaches another's worlds.
    with multiprocessing.get_context("spawn").Pool(jobs, _settle) as pool:
        yield from pool.imap(some, chunks)


def _settle() -> None:
    """Takes all that was imported out of the collector's sight: it is a third of a world's time otherwise."""
    gc.collect()
    gc.freeze()


def some(seeds: range) -> tuple[Counts, list[int]]:
    """Runs the worlds of some seeds in this process."""
    counts, failed = Counts(), []
    for seed in seeds:
        trial = attempt(plan_of(seed))
        counts.add(trial.counts)
        if trial.problems:
            failed.append(seed)
    return counts, failed
