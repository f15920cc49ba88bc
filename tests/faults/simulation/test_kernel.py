"""The kernel of the simulation: virtual time, and processes that die, stop and are woken."""

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from random import Random

import pytest

from chassis.errors import Conflict, Unavailable
from tests.faults.simulation.boundary import (
    Boundaries,
    Latency,
    Scripted,
)
from tests.faults.simulation.loop import (
    Deadlock,
    Runaway,
    WorldOver,
)
from tests.faults.simulation.playing import play, virtual
from tests.faults.simulation.process import Process, current_process

AT_ONCE = Latency(none=1.0)


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


def test_what_is_sent_to_a_thread_runs_here_and_now() -> None:
    where: list[int] = []

    async def world() -> None:
        await asyncio.to_thread(lambda: where.append(threading.get_ident()))
        with pytest.raises(ZeroDivisionError):
            await asyncio.to_thread(lambda: 1 // 0)

    play(world)
    assert where == [threading.get_ident()]
