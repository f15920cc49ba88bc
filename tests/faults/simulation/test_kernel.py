"""The kernel of the simulation: virtual time, processes that die and stop, boundaries, and one seed one history."""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from typing import Any, TypeVar

import pytest

from chassis.database import AWAY
from chassis.errors import Conflict, Unavailable
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
from tests.faults.simulation.loop import (
    Deadlock,
    Runaway,
    VirtualLoop,
    WorldOver,
)
from tests.faults.simulation.process import Process, current_process

T = TypeVar("T")
World = Callable[[], Coroutine[Any, Any, T]]
AT_ONCE = Latency(none=1.0)


def play(world: World[T]) -> T:
    """Runs one world on a loop of its own."""
    return VirtualLoop().run_world(world())


def virtual() -> VirtualLoop:
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualLoop)
    return loop


async def forever() -> None:
    await asyncio.get_running_loop().create_future()


def test_time_jumps_to_the_next_timer_and_timers_keep_their_order() -> None:
    async def world() -> list[tuple[float, str]]:
        loop, fired = virtual(), list[tuple[float, str]]()

        async def note(seconds: float, what: str) -> None:
            await asyncio.sleep(seconds)
            fired.append((loop.time(), what))

        await asyncio.gather(
            note(3600, "hour"), note(1, "first"), note(1, "second"), note(0, "now")
        )
        assert (loop.now().hour, loop.now().minute) == (10, 0)
        return fired

    assert play(world) == [(0, "now"), (1, "first"), (1, "second"), (3600, "hour")]


def test_a_cancelled_timer_does_not_move_the_time() -> None:
    async def world() -> float:
        async with asyncio.timeout(1000):
            await asyncio.sleep(1)
        await asyncio.sleep(1)
        return virtual().time()

    assert play(world) == 2


def test_a_world_in_which_nothing_can_happen_is_reported() -> None:
    with pytest.raises(Deadlock, match="forever"):
        play(forever)


def test_a_world_that_spins_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    async def world() -> None:
        while True:  # noqa: ASYNC110 - it spins by design
            await asyncio.sleep(0)

    monkeypatch.setattr("tests.faults.simulation.loop.MOST_CALLBACKS", 1000)
    with pytest.raises(Runaway):
        play(world)


def test_a_killed_process_runs_no_finally_and_no_except() -> None:
    seen: list[str] = []

    async def child() -> None:
        try:
            await asyncio.sleep(1)
        except BaseException:
            seen.append("child's except")
            raise

    async def main() -> None:
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(child())
                seen.append("started")
                await asyncio.sleep(10)
        finally:
            seen.append("finally")

    async def world() -> list[str]:
        process = Process("p")
        process.start(main)
        await asyncio.sleep(0.5)
        process.kill()
        assert not process.alive
        await asyncio.sleep(100)
        return list(seen)

    assert play(world) == ["started"]


def test_a_process_that_was_killed_starts_with_nothing() -> None:
    runs: list[tuple[int, float]] = []

    async def main() -> None:
        process = current_process()
        assert process is not None
        while True:
            runs.append((process.incarnation, virtual().time()))
            await asyncio.sleep(1)

    async def world() -> None:
        process = Process("p")
        process.start(main)
        await asyncio.sleep(1.5)
        process.kill()
        process.kill()
        await asyncio.sleep(1.5)
        process.restart()
        process.restart()
        with pytest.raises(RuntimeError, match="alive"):
            process.start(main)
        await asyncio.sleep(1.5)

    play(world)
    assert runs == [(1, 0), (1, 1), (2, 3), (2, 4)]


def test_a_stopped_process_stands_still_and_makes_up_for_it_when_woken() -> None:
    seen: list[tuple[str, float]] = []
    inbox: list[asyncio.Future[str]] = []

    async def main() -> None:
        async def timers() -> None:
            for _ in range(3):
                await asyncio.sleep(1)
                seen.append(("timer", virtual().time()))

        async def events() -> None:
            inbox.append(virtual().create_future())
            seen.append((await inbox[0], virtual().time()))

        await asyncio.gather(timers(), events())

    async def world() -> None:
        process = Process("p")
        process.start(main)
        await asyncio.sleep(1.5)
        process.stop()
        assert process.alive
        assert process.stopped
        inbox[0].set_result("event")
        await asyncio.sleep(8.5)
        process.wake()
        await asyncio.sleep(10)
        assert not process.alive

    play(world)
    assert seen == [("timer", 1), ("event", 10), ("timer", 10), ("timer", 11)]


def test_a_stopped_process_can_be_killed() -> None:
    async def world() -> bool:
        process = Process("p")
        process.start(forever)
        await asyncio.sleep(1)
        process.stop()
        process.kill()
        process.wake()
        return process.alive

    assert play(world) is False


def test_an_exception_out_of_main_is_a_crash_that_takes_the_whole_process_down() -> None:
    seen: list[str] = []

    async def background() -> None:
        while True:
            await asyncio.sleep(1)
            seen.append("background")

    async def main() -> None:
        task = asyncio.create_task(background())
        await asyncio.sleep(1.5)
        assert not task.done()
        raise ValueError("broken")

    async def world() -> tuple[list[str], list[str]]:
        down: list[str] = []
        process = Process("p", on_down=lambda p: down.append(p.name))
        process.start(main)
        await asyncio.sleep(10)
        assert not process.alive
        return [repr(error) for error in process.crashes], down

    assert play(world) == (["ValueError('broken')"], ["p"])
    assert seen == ["background"]


def test_what_a_process_held_is_released_when_it_dies_and_not_before() -> None:
    class Lock:
        """A row lock as a server keeps it: it knows which process holds it."""

        def __init__(self) -> None:
            self.freed: asyncio.Future[None] | None = None

        async def take(self) -> None:
            while self.freed is not None:
                await self.freed
            self.freed = virtual().create_future()
            process = current_process()
            assert process is not None
            process.on_kill(self.free)

        def free(self) -> None:
            freed, self.freed = self.freed, None
            assert freed is not None
            freed.set_result(None)

    async def world() -> tuple[float, float]:
        lock, taken = Lock(), []

        async def main() -> None:
            await lock.take()
            taken.append(virtual().time())
            await forever()

        holder, waiter = Process("holder"), Process("waiter")
        holder.start(main)
        waiter.start(main)
        await asyncio.sleep(5)
        holder.stop()
        await asyncio.sleep(5)
        assert taken == [0]
        holder.kill()
        await asyncio.sleep(1)
        return taken[0], taken[1]

    assert play(world) == (0, 10)


def test_a_request_is_answered_refused_or_lost_with_its_process() -> None:
    async def answer(seconds: float, error: Exception | None = None) -> str:
        process = current_process()
        assert process is not None
        await asyncio.sleep(seconds)
        if error is not None:
            raise error
        return process.name

    async def asked(process: Process, seconds: float, error: Exception | None = None) -> str:
        try:
            return await process.ask(lambda: answer(seconds, error))
        except (Unavailable, Conflict) as failure:
            return f"{type(failure).__name__} at {virtual().time()}"

    async def world() -> list[str]:
        server = Process("server")
        told = [await asked(server, 0)]
        server.start(forever)
        virtual().later(10, server.kill)
        told += await asyncio.gather(
            asked(server, 1), asked(server, 1, Conflict("no")), asked(server, 100)
        )
        assert virtual().complaints == []
        server.restart()
        told.append(await asked(server, 0, KeyError("bug")))
        assert virtual().complaints == ["server answered with KeyError('bug')"]
        return told

    assert play(world) == [
        "Unavailable at 0.0",
        "server",
        "Conflict at 1.0",
        "Unavailable at 10.0",
        "Unavailable at 10.0",
    ]


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


def test_left_over_code_is_closed_quietly_and_changes_nothing() -> None:
    data: list[str] = []
    ran: list[str] = []
    refused: list[str] = []

    @asynccontextmanager
    async def session(io: Boundaries) -> AsyncIterator[None]:
        try:
            yield
        finally:
            ran.append("session")
            await write(io, "rolled back")

    async def write(io: Boundaries, what: str) -> None:
        try:
            await io.request("db.write")
        except WorldOver:
            refused.append(what)
            raise
        data.append(what)
        await io.response("db.write")

    async def stubborn(io: Boundaries) -> None:
        try:
            async with session(io), asyncio.timeout(10), asyncio.TaskGroup() as tasks:
                tasks.create_task(write(io, "begun"))
                tasks.create_task(forever())
                await forever()
        finally:
            try:
                await asyncio.sleep(1)
            finally:
                ran.append("finally")
                asyncio.create_task(write(io, "late"))  # noqa: RUF006 - nobody can hold it

    async def world() -> list[str]:
        io = Boundaries(virtual(), Random(1), Scripted(), AT_ONCE)
        dead, alive = Process("dead"), Process("alive")
        dead.start(lambda: stubborn(io))
        alive.start(lambda: stubborn(io))
        await asyncio.sleep(1)
        dead.kill()
        dead.restart()
        dead.kill()  # before its first step
        return list(data)

    assert play(world) == ["begun", "begun"]
    assert data == ["begun", "begun"]
    # The code did run, so that the world's refusal is what kept the data.
    assert ran.count("session") == ran.count("finally") == 2
    assert refused == ["rolled back", "rolled back"]


def test_threads_are_refused() -> None:
    async def world() -> None:
        await asyncio.to_thread(lambda: None)

    with pytest.raises(RuntimeError, match="no threads"):
        play(world)


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
        "from tests.faults.simulation.test_kernel import lively\n"
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
