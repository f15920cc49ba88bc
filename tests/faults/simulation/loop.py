"""An event loop without a world: its time is a number that jumps to the next timer, and it opens no socket.

Every callback belongs to a life, which is one incarnation of a simulated process. The life is a context variable
that the process's root task sets; child tasks, timers and wake-ups carry it on. The loop drops the callbacks
of a dead life, so that no `finally` and no `except` of a killed process runs, and keeps those of a stopped one
until it is woken.

Nothing depends on hash seeds or addresses: callbacks run in the order in which they were asked for, timers by
their time and then in that order, and tasks hash by their number.
"""

import asyncio
import contextlib
import heapq
import math
import warnings
from collections import deque
from collections.abc import Callable, Coroutine, Generator
from concurrent.futures import Executor
from contextvars import Context, ContextVar, copy_context
from datetime import UTC, datetime, timedelta
from types import coroutine
from typing import Any, TypeAlias, TypeVar, TypeVarTuple

T = TypeVar("T")
Args = TypeVarTuple("Args")

RUNNING, STOPPED, DEAD = range(3)
EPOCH = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
# A world has some thousands of callbacks; one that has so many spins.
MOST_CALLBACKS = 5_000_000
_CLOSING_TRIES = 100

AnyCoroutine: TypeAlias = Coroutine[Any, Any, T] | Generator[Any, None, T]


class Deadlock(Exception):
    """Nothing is ready and no timer is set, yet the world has not ended."""


class Runaway(Exception):
    """So many callbacks ran that something must be spinning."""


class WorldOver(BaseException):
    """What left-over code gets when it wants something of a world that is being closed."""


class Life:
    """One incarnation of a process as the loop sees it: its pulse, and what came for it while it was stopped."""

    __slots__ = ("owner", "parked", "pulse")

    def __init__(self, owner: Any) -> None:
        self.owner = owner
        self.pulse = RUNNING
        self.parked: deque[_Callback] = deque()


LIFE: ContextVar[Life | None] = ContextVar("LIFE", default=None)


class _Callback(asyncio.TimerHandle):
    """A callback that was asked for; as lean as the event loop's interface allows."""

    __slots__ = ()

    def __init__(
        self,
        when: float,
        callback: Callable[..., object],
        args: tuple[Any, ...],
        context: Context,
    ) -> None:
        self._when = when
        self._callback = callback
        self._args = args
        self._context = context
        self._cancelled = False

    def __repr__(self) -> str:
        return f"{self._callback!r} at {self._when:.3f} s"

    def cancel(self) -> None:
        self._cancelled = True
        self._callback, self._args = _nothing, ()


class _Task(asyncio.Task[T]):
    """A task whose place in a set depends on its number, not on its address."""

    def __init__(
        self, number: int, work: AnyCoroutine[T], loop: asyncio.AbstractEventLoop, **more: Any
    ) -> None:
        self._number = number
        super().__init__(work, loop=loop, **more)

    def __hash__(self) -> int:
        return self._number


class VirtualLoop(asyncio.BaseEventLoop):
    """Runs one world. `complaints` tells of errors that no task was there to take, in order."""

    def __init__(self) -> None:
        super().__init__()
        self.callbacks = 0
        self.closing = False
        self.complaints: list[str] = []
        self.world = Context()
        self._now = 0.0
        self._asked = 0
        self._ready: deque[_Callback] = deque()
        self._timers: list[tuple[float, int, _Callback]] = []
        self._tasks: list[_Task[Any]] = []
        self._prune_at = 1024

    def time(self) -> float:
        """Returns the virtual time in seconds, which begins at 0."""
        return self._now

    def now(self) -> datetime:
        """Returns the virtual time as a date: what every clock in the world shows."""
        return EPOCH + timedelta(seconds=self._now)

    def run_world(self, work: Coroutine[Any, Any, T]) -> T:
        """Runs until `work` ends, then closes all that is left over, quietly.

        Raises:
            Deadlock: if nothing is left to do before that.
            Runaway: if there is no end of it.

        """
        try:
            return self.run_until_complete(work)
        finally:
            self.close()

    def later(self, seconds: float, callback: Callable[[], object]) -> asyncio.TimerHandle:
        """Calls back in so many seconds on behalf of the world, whose callbacks outlive every process."""
        return self.call_at(self._now + seconds, callback, context=self.world)

    def call_soon(
        self, callback: Callable[[*Args], object], *args: *Args, context: Context | None = None
    ) -> _Callback:
        """Appends a callback to what is ready."""
        # Not `or`: the world's context is empty, and so counts as false.
        if context is None:
            context = copy_context()
        handle = _Callback(self._now, callback, args, context)
        if not self.closing:
            self._ready.append(handle)
        return handle

    call_soon_threadsafe = call_soon

    def call_later(
        self,
        delay: float,
        callback: Callable[[*Args], object],
        *args: *Args,
        context: Context | None = None,
    ) -> _Callback:
        """Calls back in so many virtual seconds."""
        if context is None:
            context = copy_context()
        return self._set(_Callback(self._now + delay, callback, args, context))

    def call_at(
        self,
        when: float,
        callback: Callable[[*Args], object],
        *args: *Args,
        context: Context | None = None,
    ) -> _Callback:
        """Calls back at a virtual time."""
        if context is None:
            context = copy_context()
        return self._set(_Callback(when, callback, args, context))

    def pause(self, seconds: float) -> asyncio.Future[None]:
        """Returns what is done in so many seconds: a sleep without a coroutine of its own."""
        over = self.create_future()
        self._set(_Callback(self._now + seconds, _end, (over,), self.world))
        return over

    def create_task(
        self, coro: AnyCoroutine[T], *, name: object = None, context: Context | None = None
    ) -> asyncio.Task[T]:
        """Starts a task and holds it to the end of the world: one that nobody holds would run its `finally`."""
        if self.closing:
            coro.close()
            raise WorldOver
        self._asked += 1
        task = _Task(self._asked, coro, self, name=name or "task", context=context)
        self._tasks.append(task)
        if len(self._tasks) > self._prune_at:
            self._tasks = [held for held in self._tasks if not held.done()]
            self._prune_at = 2 * len(self._tasks) + 1024
        return task

    def run_in_executor(
        self, executor: Executor | None, func: Callable[[*Args], T], *args: *Args
    ) -> asyncio.Future[T]:
        """Runs the work here and now: a thread would bring its own order of things."""
        future: asyncio.Future[T] = self.create_future()
        try:
            future.set_result(func(*args))
        except Exception as error:  # noqa: BLE001 - whoever waits for the work gets it
            future.set_exception(error)
        return future

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """Keeps the error for the report."""
        if not self.closing:
            self.complaints.append(f"{context['message']}: {context.get('exception')!r}")

    def close(self) -> None:
        """Closes what is left over. Its `finally` blocks run now, but the world gives them nothing any more."""
        if self.closing:
            return
        self.closing = True
        asyncio._set_running_loop(self)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                for task in self._tasks:
                    if not task.done():
                        # Nobody has to hear that it never ended.
                        task._log_destroy_pending = False  # type: ignore[attr-defined]
                        self._close_leftover(task.get_coro())
                self._tasks.clear()
                self._ready.clear()
                self._timers.clear()
        finally:
            asyncio._set_running_loop(None)
        super().close()

    def _set(self, timer: _Callback) -> _Callback:
        if not self.closing and timer._when != math.inf:
            self._asked += 1
            heapq.heappush(self._timers, (timer._when, self._asked, timer))
        return timer

    def _close_leftover(self, leftover: Any) -> None:
        for _ in range(_CLOSING_TRIES):
            try:
                leftover.close()
            except RuntimeError:
                continue  # It waits for something in a `finally`: closing it again ends that, too.
            except BaseException:  # noqa: BLE001, S112 - whatever its `finally` makes of it, it has ended
                continue
            return
        raise RuntimeError(f"{leftover!r} cannot be closed")

    def _asyncgen_finalizer_hook(self, agen: Any) -> None:
        if not self.closing:
            super()._asyncgen_finalizer_hook(agen)  # type: ignore[misc]
            return
        with contextlib.suppress(BaseException):
            agen.aclose().send(None)

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        """Needs no count: cancelled timers leave the heap when their time comes."""

    def _run_once(self) -> None:
        ready = self._ready
        while not self._stopping:  # type: ignore[attr-defined]
            if not ready:
                self._jump()
            count = len(ready)
            self.callbacks += count
            if self.callbacks > MOST_CALLBACKS:
                raise Runaway(f"{self.callbacks} callbacks until {self._now:.3f} s")
            self._run_ready(count)

    def _run_ready(self, count: int) -> None:
        take = self._ready.popleft
        for _ in range(count):
            handle = take()
            if handle._cancelled:
                continue
            life = handle._context.get(LIFE)
            if life is not None and life.pulse:
                if life.pulse == STOPPED:
                    life.parked.append(handle)
                continue
            try:
                handle._context.run(handle._callback, *handle._args)
            except KeyboardInterrupt:
                raise
            except SystemExit:
                if life is None:
                    raise
                # Its task has it as well, which ends the process, not the world.
            except BaseException as error:  # noqa: BLE001 - as every event loop does
                self.call_exception_handler({"message": "callback failed", "exception": error})

    def _jump(self) -> None:
        """Moves the time to the next timer that somebody alive waits for, and makes all of that time ready."""
        timers, ready = self._timers, self._ready
        pop = heapq.heappop
        while timers:
            when, _, handle = pop(timers)
            if handle._cancelled:
                continue
            life = handle._context.get(LIFE)
            if life is not None and life.pulse == DEAD:
                continue
            self._now = max(self._now, when)
            ready.append(handle)
            while timers and timers[0][0] <= self._now:
                ready.append(pop(timers)[2])
            return
        waiting = [task.get_coro() for task in self._tasks if not task.done()]
        raise Deadlock(f"{len(waiting)} tasks wait at {self._now:.3f} s: {waiting[:20]}")


def _nothing() -> None:
    pass


def _end(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


@coroutine
def step_aside() -> Generator[None, None, None]:
    """Gives the loop its turn; a process that was killed never comes back from here."""
    yield
