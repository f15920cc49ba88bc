"""The simulated broker: what it may do to an event, and what it may not."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from random import Random
from typing import Any

import pytest

from chassis.errors import Unavailable
from tests.faults.simulation.boundary import Boundaries, DatabaseAway, Direct, Latency, Scripted
from tests.faults.simulation.broker import Broker, CarryPlan, Faithful, Unreliable
from tests.faults.simulation.loop import VirtualLoop
from tests.faults.simulation.process import Process, current_process


@dataclass
class Planned:
    """Does to the events what a test says, in order; then carries the rest at once."""

    travels: list[tuple[float, ...]] = field(default_factory=list)
    again: float | None = 1.0

    def copies(self, topic: str, subscriber: str) -> tuple[float, ...]:
        return self.travels.pop(0) if self.travels else (0.0,)

    def redelivery(self, topic: str, subscriber: str) -> float | None:
        return self.again


@dataclass
class Setting:
    """A broker with one subscriber, which notes what it got, when and in which incarnation."""

    broker: Broker
    process: Process
    got: list[tuple[object, float, int]] = field(default_factory=list)
    handling_seconds: float = 0.0
    failures: list[Exception] = field(default_factory=list)

    async def main(self) -> None:
        self.broker.subscribe("topic", self.process, self.handle)
        await asyncio.get_running_loop().create_future()

    async def handle(self, event: object) -> None:
        assert current_process() is self.process
        if self.failures:
            raise self.failures.pop()
        await asyncio.sleep(self.handling_seconds)
        self.got.append((event, asyncio.get_running_loop().time(), self.process.incarnation))


def play(plan: CarryPlan, story: Callable[[Setting], Coroutine[Any, Any, None]]) -> Setting:
    loop = VirtualLoop()
    setting = Setting(Broker(loop, Direct(), plan), Process("subscriber"))

    async def world() -> None:
        setting.process.start(setting.main)
        await asyncio.sleep(0)
        await story(setting)
        await asyncio.sleep(100)

    loop.run_world(world())
    return setting


def test_events_are_carried_lost_doubled_and_reordered_as_planned() -> None:
    async def story(it: Setting) -> None:
        for number in range(4):
            await it.broker.publish("topic", [number])

    it = play(Planned([(3.0,), (), (1.0, 2.0)]), story)
    assert it.got == [([3], 0, 1), ([2], 1, 1), ([2], 2, 1), ([0], 3, 1)]
    assert (it.broker.published, it.broker.carried) == (4, 4)
    assert (it.broker.lost, it.broker.doubled) == (1, 1)


def test_an_event_for_a_dead_process_comes_again_once_a_new_one_has_subscribed() -> None:
    async def story(it: Setting) -> None:
        it.process.kill()
        await it.broker.publish("topic", "event")
        await asyncio.sleep(2.5)
        it.process.restart()

    assert play(Planned(), story).got == [("event", 3, 2)]


def test_a_handler_of_an_earlier_life_gets_nothing() -> None:
    async def story(it: Setting) -> None:
        it.process.kill()

        async def slow_start() -> None:
            await asyncio.sleep(2.5)
            await it.main()

        it.process.start(slow_start)
        await it.broker.publish("topic", "event")

    assert play(Planned(), story).got == [("event", 3, 2)]


def test_an_event_whose_handler_dies_comes_again_or_is_lost() -> None:
    async def story(it: Setting) -> None:
        it.handling_seconds = 5.0
        await it.broker.publish("topic", "event")
        await asyncio.sleep(1)
        it.process.kill()
        it.handling_seconds = 0.0
        it.process.restart()

    assert play(Planned(), story).got == [("event", 2, 2)]
    lost = play(Planned(again=None), story)
    assert (lost.got, lost.broker.lost) == ([], 1)


def test_an_event_is_tried_again_while_the_database_is_away_and_not_after_a_bug() -> None:
    async def story(it: Setting) -> None:
        it.failures = [DatabaseAway("away"), Unavailable("away")]
        await it.broker.publish("topic", "event")
        await asyncio.sleep(10)
        it.failures = [ValueError("bug")]
        await it.broker.publish("topic", "other")

    it = play(Planned(), story)
    assert it.got == [("event", 2, 1)]
    assert it.broker._loop.complaints == ["subscriber failed on topic: ValueError('bug')"]


def test_a_broker_that_is_away_refuses_and_holds_back_and_a_wiped_one_forgets() -> None:
    async def story(it: Setting) -> None:
        it.broker._plan = Planned([(2.0,), (2.0,)])
        await it.broker.publish("topic", "held")
        it.broker.go_away()
        with pytest.raises(Unavailable):
            await it.broker.publish("topic", "refused")
        await asyncio.sleep(10)
        it.broker.come_back()
        await it.broker.publish("topic", "wiped")
        it.broker.wipe()
        await it.broker.publish("topic", "after")

    it = play(Planned(), story)
    assert it.got == [("held", 10, 1), ("after", 10, 1)]
    assert it.broker.published == 3


def test_a_faithful_broker_carries_everything_and_an_unreliable_one_does_not() -> None:
    async def story(it: Setting) -> None:
        for number in range(1000):
            await it.broker.publish("topic", number)

    faithful = play(Faithful(), story)
    assert [event for event, _, _ in faithful.got] == list(range(1000))
    unreliable = play(Unreliable(Random(1)), story)
    events = [event for event, _, _ in unreliable.got]
    assert unreliable.broker.lost == 1000 - len(set(events)) > 5
    assert unreliable.broker.doubled == len(events) - len(set(events)) > 5
    assert events != sorted(events, key=str)


def test_a_publish_is_a_boundary() -> None:
    loop = VirtualLoop()
    io = Boundaries(loop, Random(1), Scripted(), Latency(none=1.0))
    broker = Broker(loop, io, Faithful())
    loop.run_world(broker.publish("topic", "event"))
    assert (io.requests, io.responses) == ({"publish.topic": 1}, {"publish.topic": 1})
