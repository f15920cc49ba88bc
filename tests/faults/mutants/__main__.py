"""Runs the planted bugs: `python -m tests.faults.mutants [--third K | NAME…] [--list]`.

Exit code 0 only if the unmutated project passes and every chosen mutant is caught.
"""

import argparse
import queue
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

from tests.faults.mutants.catalogue import MUTANTS
from tests.faults.mutants.mutant import Mutant, Seeds, Tests
from tests.faults.mutants.running import State, Verdict, copied_tree, execute, run_mutant
from tests.integration.postgres import embedded

AT_ONCE = 2
THIRDS = (1, 2, 3)
_TAIL = 3000
_WIDTH = max(len(mutant.name) for mutant in MUTANTS)


def main(arguments: Sequence[str]) -> int:
    """Runs what is asked for; returns the exit code."""
    parsed = _parser().parse_args(arguments)
    try:
        chosen = _chosen(parsed.names, parsed.third)
    except KeyError as error:
        print(f"no mutant is called {error}; --list names them", file=sys.stderr)
        return 2
    if parsed.list:
        for mutant in chosen:
            print(f"{mutant.name:{_WIDTH}} {mutant.promise}")
        return 0
    with ExitStack() as servers:
        # One server for each run at a time: runs give the roles passwords of their own.
        free: queue.SimpleQueue[str] = queue.SimpleQueue()
        for _ in range(AT_ONCE):
            free.put(servers.enter_context(embedded()).superuser)
        if not _control(chosen, free):
            return 1
        return _run(chosen, free)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.faults.mutants", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="run only these")
    parser.add_argument("--third", type=int, choices=THIRDS, help="run every third, from this one")
    parser.add_argument("--list", action="store_true", help="list them and run nothing")
    return parser


def _chosen(names: Sequence[str], third: int | None) -> list[Mutant]:
    if names:
        by_name = {mutant.name: mutant for mutant in MUTANTS}
        return [by_name[name] for name in names]
    return list(MUTANTS) if third is None else list(MUTANTS[third - 1 :: len(THIRDS)])


def _control(chosen: Sequence[Mutant], free: "queue.SimpleQueue[str]") -> bool:
    """Runs what is to catch the mutants over the project without any: all of it must pass."""
    tests = dict.fromkeys(
        node
        for mutant in chosen
        if isinstance(mutant.caught_by, Tests)
        for node in mutant.caught_by.node_ids()
    )
    seeds = {m.caught_by for m in chosen if isinstance(m.caught_by, Seeds)}
    commands = [("-m", "pytest", "-q", "--tb=short", *tests)] if tests else []
    # Nothing else runs meanwhile.
    commands += [each.command(AT_ONCE) for each in sorted(seeds, key=lambda each: each.count)]
    server = free.get()
    try:
        for command in commands:
            with copied_tree() as tree:
                code, output = execute(command, tree, server)
            if code != 0:
                print(f"the project fails without any mutant, exit code {code}:\n{output[-_TAIL:]}")
                return False
    finally:
        free.put(server)
    print(f"without a mutant everything passes: {len(tests)} tests, {len(seeds)} runs of seeds\n")
    return True


def _run(chosen: Sequence[Mutant], free: "queue.SimpleQueue[str]") -> int:
    def one(mutant: Mutant) -> Verdict:
        server = free.get()
        try:
            return run_mutant(mutant, server)
        finally:
            free.put(server)

    print(f"{'mutant':{_WIDTH}} {'':8} {'seconds':>7}  caught by / breaks")
    verdicts = []
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for mutant, verdict in zip(chosen, pool.map(one, chosen), strict=True):
            verdicts.append(verdict)
            print(
                f"{mutant.name:{_WIDTH}} {verdict.state:8} {verdict.seconds:7.1f}  {verdict.evidence}\n"
                f"{'':{_WIDTH + 18}} {mutant.promise}",
                flush=True,
            )
    for verdict in verdicts:
        if verdict.state is not State.CAUGHT:
            print(f"\n== {verdict.name}: {verdict.evidence}\n{verdict.output[-_TAIL:]}")
    caught = sum(verdict.state is State.CAUGHT for verdict in verdicts)
    print(f"caught {caught} of {len(verdicts)}")
    return 0 if caught == len(verdicts) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
