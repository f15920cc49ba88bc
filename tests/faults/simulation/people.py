"""Support people of a world: they take a customer over, reply, and hand back, as often as it takes."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar
from uuid import UUID

from chassis.errors import ServiceError
from services.agent.application.takeover import OwnershipRefused, SendsUnderWay, TakenOver
from services.agent.domain.turn import CustomerId, Side
from tests.faults.simulation.agent_process import AgentProcess
from tests.faults.simulation.checker import Held
from tests.faults.simulation.outside import customer_of
from tests.faults.simulation.plan import Desk

if TYPE_CHECKING:
    from tests.faults.simulation.world import World

T = TypeVar("T")
NAME = "Robin"
TRIES = 60
_RETRY_SECONDS = 1.0


async def work(world: "World", desk: Desk) -> None:
    """Has the customer for a while; gives up where the customer never wrote."""
    customer = CustomerId(customer_of(desk.person))
    taken = await take_over(world, customer)
    if taken is None:
        return
    since = world.loop.time()
    for number in range(desk.replies):
        request_id = world.new_id()
        await _until_done(world, lambda a, r=request_id, n=number: _reply(a, customer, r, n))  # type: ignore[misc]
    await asyncio.sleep(desk.hold_seconds)
    until = world.loop.time()
    world.held.append(Held(f"{customer}/verified", taken.epoch, since, until))
    await _until_done(world, lambda a: _hand_back(a, customer))


async def take_over(
    world: "World", customer: CustomerId, side: Side = Side.VERIFIED
) -> TakenOver | None:
    """Asks until it is done; None where nobody wrote."""
    return await _until_done(world, lambda agent: agent.take_overs.take_over(customer, side, NAME))


async def _reply(agent: AgentProcess, customer: CustomerId, request_id: UUID, number: int) -> bool:
    await agent.owners.reply(
        customer, Side.VERIFIED, NAME, f"A person's reply {number}.", request_id
    )
    return True


async def _hand_back(agent: AgentProcess, customer: CustomerId) -> bool:
    await agent.owners.hand_back(customer, Side.VERIFIED, NAME, "I have looked at it.")
    return True


async def _until_done(world: "World", request: Callable[[AgentProcess], Awaitable[T]]) -> T | None:
    for _ in range(TRIES):
        try:
            process = world.some_agent()
            agent = world.agents[process.name]

            async def ask(agent: AgentProcess = agent) -> T | OwnershipRefused | SendsUnderWay:
                try:
                    return await request(agent)
                except (OwnershipRefused, SendsUnderWay) as refused:
                    return refused

            answer = await process.ask(ask)
        except ServiceError:
            await asyncio.sleep(_RETRY_SECONDS)
            continue
        if isinstance(answer, OwnershipRefused):
            return None
        if not isinstance(answer, SendsUnderWay):
            return answer
    return None
