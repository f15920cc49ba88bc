"""Blows that land at a time of their own: whatever happens to be under way, is hit."""

import asyncio
from typing import TYPE_CHECKING

from services.delivery.domain.intent import Channel
from tests.faults.simulation.plan import Blow, Strike
from tests.faults.simulation.process import Process

if TYPE_CHECKING:
    from tests.faults.simulation.world import World


async def land(world: "World", strike: Strike) -> None:
    """Does what the strike says, and undoes it when its time is over."""
    match strike.blow:
        case Blow.KILL | Blow.STOP:
            await _hit(world, strike)
        case Blow.DATABASE_AWAY:
            world.io.away = True
            await asyncio.sleep(strike.seconds)
            world.io.away = False
        case Blow.BROKER_AWAY:
            world.broker.go_away()
            await asyncio.sleep(strike.seconds)
            world.broker.come_back()
        case Blow.BROKER_WIPED:
            world.broker.wipe()
        case Blow.PLACEMENT_SPLIT:
            world.split_until = world.loop.time() + strike.seconds
        case Blow.PROVIDER_DARK:
            far = world.far[Channel(strike.target)]
            far.dark = True
            await asyncio.sleep(strike.seconds)
            far.dark = False
        case Blow.MAILBOX_AWAY:
            world.mailbox.away = True
            await asyncio.sleep(strike.seconds)
            world.mailbox.away = False


async def _hit(world: "World", strike: Strike) -> None:
    process = _process(world, strike.target)
    if process is None or not process.alive:
        return
    if strike.blow is Blow.KILL:
        process.kill()
        await asyncio.sleep(strike.seconds)
        process.restart()
    else:
        process.stop()
        await asyncio.sleep(strike.seconds)
        process.wake()


def _process(world: "World", name: str) -> Process | None:
    everyone = (world.intake_process, *world.agent_processes, *world.delivery_processes)
    return next((process for process in everyone if process.name == name), None)
