"""Where processes touch the world: faults on either side of an effect, and one seed one history."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path
from random import Random

import pytest

from chassis.database import AWAY
from tests.faults.simulation.boundary import (
    Act,
    Boundaries,
    Crossing,
    DatabaseAway,
    Drawn,
    Fault,
    Latency,
    Phase,
    Scripted,
)
from tests.faults.simulation.loop import VirtualLoop
from tests.faults.simulation.playing import play, virtual
from tests.faults.simulation.process import Process

AT_ONCE = Latency(none=1.0)


@pytest.mark.parametrize(
    ("act", "phase", "expected"),
    [
        (Act.KILL, Phase.BEFORE, ["effect 2.0", "heard 2.0"]),
        (Act.KILL, Phase.AFTER, ["effect 0.0", "effect 2.0", "heard 2.0"]),
        (Act.STOP, Phase.BEFORE, ["effect 2.0", "heard 2.0"]),
        (Act.STOP, Phase.AFTER, ["effect 0.0", "heard 2.0"]),
        (Act.AWAY, Phase.BEFORE, ["away 0.0"]),
        (Act.AWAY, Phase.AFTER, ["effect 0.0", "away 0.0"]),
    ],
)
def test_a_fault_at_a_boundary_falls_before_or_after_the_effect(
    act: Act, phase: Phase, expected: list[str]
) -> None:
    seen: list[str] = []

    async def world() -> None:
        plan = Scripted({Crossing("db.write", 1, phase): Fault(act, 2.0)})
        io = Boundaries(virtual(), Random(1), plan, AT_ONCE)

        async def main() -> None:
            try:
                await io.request("db.write")
                seen.append(f"effect {virtual().time()}")
                await io.response("db.write")
            except AWAY:
                seen.append(f"away {virtual().time()}")
            else:
                seen.append(f"heard {virtual().time()}")

        process = Process("p")
        process.start(main)
        await asyncio.sleep(10)
        assert io.requests["db.write"] in {1, 2}
        assert any(line.endswith(act) for line in io.lines())

    play(world)
    assert seen == expected


def test_a_database_that_is_away_refuses_and_withholds() -> None:
    async def world() -> list[str]:
        io = Boundaries(virtual(), Random(1), Scripted(), AT_ONCE)
        seen: list[str] = []

        async def touch(during: bool) -> None:  # noqa: FBT001 - a test's own word
            try:
                await io.request("db.write")
                seen.append("effect")
                io.away = io.away or during
                await io.response("db.write")
            except DatabaseAway:
                seen.append("away")

        await touch(during=False)
        await touch(during=True)
        await touch(during=False)
        return seen

    assert play(world) == ["effect", "effect", "away", "away"]


async def touch_again_and_again(io: Boundaries, name: str) -> None:
    while True:
        try:
            await io.request(name)
            await io.response(name)
            await asyncio.sleep(0.05)
        except DatabaseAway:
            await asyncio.sleep(0.1)
        except asyncio.CancelledError:
            # Tells in which order a group, which is a set, cancels its tasks.
            io.note(name, "cancelled")
            raise


def revive(loop: VirtualLoop, process: Process) -> None:
    loop.later(1, process.restart)


def lively(seed: int) -> list[str]:
    """Plays a world full of faults, and returns its history; run by the test below in processes of its own."""
    loop, random = VirtualLoop(), Random(seed)

    def choose(dice: Random, process: str) -> Fault | None:
        act = dice.choice([Act.KILL, Act.STOP, Act.AWAY])
        return Fault(act, dice.random() * 3) if process != "world" else None

    io = Boundaries(loop, random, Drawn(random, 0.02, choose))

    async def main() -> None:
        async with asyncio.TaskGroup() as tasks:
            for number in range(5):
                tasks.create_task(touch_again_and_again(io, f"task.{number}"))
            await asyncio.sleep(random.random() * 20)
            raise ConnectionError("lost")  # cancels a set of tasks

    async def play_all() -> None:
        processes = [Process(f"p{n}", lambda p: revive(loop, p)) for n in range(3)]
        for process in processes:
            process.start(main)
        await asyncio.sleep(60)
        for process in processes:
            io.note("crashes", f"{process.name} {process.incarnation} {len(process.crashes)}")

    loop.run_world(play_all())
    return [*io.lines(), str(loop.callbacks), *loop.complaints]


def test_one_seed_is_one_history_byte_for_byte() -> None:
    code = (
        "from tests.faults.simulation.test_boundary import lively\n"
        "import sys; sys.stdout.write('\\n'.join(lively(7)))"
    )
    root = Path(__file__).parents[3]
    histories = [
        subprocess.run(
            [sys.executable, *ballast, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": f"{root}:{root / 'gen'}"},
            cwd=root,
            capture_output=True,
            check=True,
        ).stdout
        # The second interpreter also lays its objects out differently.
        for hash_seed, ballast in (("1", ()), ("4711", ("-X", "importtime", "-O")))
    ]
    assert histories[0] == histories[1]
    assert histories[0].count(b"\n") > 5_000
    for act in Act:
        assert histories[0].count(act.encode()) > 10
    assert histories[0].count(b"cancelled") > 10
    assert histories[0] != "\n".join(lively(8)).encode()
