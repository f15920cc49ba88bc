"""A simulated process: it can be started, killed without a word, stopped and woken, like a real one."""

import asyncio
from collections.abc import Callable, Coroutine
from contextvars import Context
from typing import Any, TypeVar

from chassis.errors import ServiceError, Unavailable
from tests.faults.simulation.loop import DEAD, LIFE, RUNNING, STOPPED, Life, VirtualLoop

T = TypeVar("T")
Main = Callable[[], Coroutine[Any, Any, object]]


class Process:
    """One process of the world. Its memory is what `main` makes: a restart begins with nothing.

    `crashes` are the exceptions that ended it, `on_down` is told whenever it is down: killed, crashed or ended.
    """

    def __init__(self, name: str, on_down: Callable[["Process"], None] | None = None) -> None:
        self.name = name
        self.incarnation = 0
        self.crashes: list[BaseException] = []
        self.on_down = on_down
        self._life: Life | None = None
        self._main: Main | None = None
        self._context = Context()
        self._on_kill: dict[Callable[[], object], None] = {}

    @property
    def alive(self) -> bool:
        """Whether it was started and is not down; a stopped process is alive."""
        return self._life is not None and self._life.pulse != DEAD

    @property
    def stopped(self) -> bool:
        """Whether it is stopped and waits to be woken."""
        return self._life is not None and self._life.pulse == STOPPED

    def start(self, main: Main) -> None:
        """Starts a fresh incarnation, which lasts until its root task ends.

        Raises:
            RuntimeError: if it is alive.

        """
        if self.alive:
            raise RuntimeError(f"{self.name} is alive")
        self.incarnation += 1
        self._main = main
        life = self._life = Life(self)
        self._context = Context()
        self._context.run(LIFE.set, life)
        root = self.spawn(main())
        root.add_done_callback(lambda task: self._ended(life, task), context=_loop().world)

    def restart(self) -> None:
        """Starts it again as it was started last; nothing if it is alive."""
        if self._main is not None and not self.alive:
            self.start(self._main)

    def kill(self) -> None:
        """Ends it as SIGKILL does: nothing of it runs any more, and what it held is released."""
        if self._life is None or self._life.pulse == DEAD:
            return
        self._life.pulse = DEAD
        self._life.parked.clear()
        released, self._on_kill = list(self._on_kill), {}
        for release in released:
            release()
        if self.on_down is not None:
            self.on_down(self)

    def stop(self) -> None:
        """Stops it as SIGSTOP does: what comes for it, timers included, waits until it is woken."""
        if self._life is not None and self._life.pulse == RUNNING:
            self._life.pulse = STOPPED

    def wake(self) -> None:
        """Lets it go on: all that came meanwhile happens now, in order."""
        if self._life is None or self._life.pulse != STOPPED:
            return
        self._life.pulse = RUNNING
        _loop()._ready.extend(self._life.parked)
        self._life.parked.clear()

    def on_kill(self, release: Callable[[], object]) -> None:
        """Has `release` called when this incarnation is down: the server's side frees its locks."""
        self._on_kill[release] = None

    def forget(self, release: Callable[[], object]) -> None:
        """Takes back `on_kill`; nothing if it was not asked for."""
        self._on_kill.pop(release, None)

    def spawn(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Starts a task of this incarnation from outside, as an event or a request does."""
        return _loop().create_task(work, context=self._context.copy())

    async def ask(self, question: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Runs a request in this process and returns its answer to whoever waits, as a gRPC call does.

        Raises:
            ServiceError: if the process answered with it.
            Unavailable: if it is down, goes down before its answer, or answers with any other error.

        """
        if not self.alive:
            raise Unavailable(f"{self.name} is down")
        answer: asyncio.Future[T] = _loop().create_future()

        def lost() -> None:
            if not answer.done():
                answer.set_exception(Unavailable(f"{self.name} went down"))

        def answered(task: asyncio.Task[T]) -> None:
            self.forget(lost)
            if not answer.done():
                self._answer(answer, task)

        self.on_kill(lost)
        task = self.spawn(question())
        task.add_done_callback(answered, context=_loop().world)
        try:
            return await answer
        except asyncio.CancelledError:
            task.cancel()
            raise

    def _answer(self, answer: asyncio.Future[T], task: asyncio.Task[T]) -> None:
        """Hands on how a request ended, as the servers' interceptors do."""
        if task.cancelled():
            answer.set_exception(Unavailable(f"{self.name} gave up"))
        elif (error := task.exception()) is None:
            answer.set_result(task.result())
        elif isinstance(error, ServiceError):
            answer.set_exception(error)
        else:
            if not isinstance(error, OSError):  # which says that the database is away
                _loop().complaints.append(f"{self.name} answered with {error!r}")
            answer.set_exception(Unavailable(f"{self.name}: {type(error).__name__}"))

    def _ended(self, life: Life, root: asyncio.Task[object]) -> None:
        if life.pulse == DEAD:
            return
        if not root.cancelled() and (error := root.exception()) is not None:
            self.crashes.append(error)
        self.kill()


def current_process() -> Process | None:
    """Returns the process whose code runs now; none if it is the world's own."""
    life = LIFE.get()
    return None if life is None else life.owner


def _loop() -> VirtualLoop:
    loop = asyncio.get_running_loop()
    if not isinstance(loop, VirtualLoop):
        raise TypeError("simulated processes live on a virtual loop")
    return loop
