"""An agent of a world: the real use cases, actor methods and events, wired as the service wires them."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any
from uuid import UUID

from dapr.proto import api_v1

from chassis.errors import Unavailable
from chassis.gathering import Gathering
from chassis.ledger import Receipt, Row
from fte.conversation.v1 import receipts_pb2
from services.agent.adapters import delivered, incoming
from services.agent.adapters.corrections import SendCorrections
from services.agent.adapters.customer_actor import owner_of
from services.agent.adapters.customer_client import ActorClient
from services.agent.adapters.customer_methods import CustomerMethods
from services.agent.adapters.delivery_fences import Fences, fence_ledger
from services.agent.adapters.publishing import announcement_ledger, outbox_ledger
from services.agent.adapters.receipts import ReceiptPublisher
from services.agent.application.customer import CachedCustomer, Desk
from services.agent.application.heads import LedgerName
from services.agent.application.ownership import Ownership
from services.agent.application.runner import Runner
from services.agent.application.takeover import TakeOvers
from services.agent.application.turns import Commit, Turns
from services.agent.domain.formatting import DEFAULT_LIMITS
from tests.fakes.phrases import BOOK
from tests.faults.simulation.memory_agent import (
    MemoryDueHeads,
    MemoryInbound,
    MemoryOutbound,
    MemoryOutcomes,
    MemorySnapshots,
)
from tests.faults.simulation.memory_heads import MemoryHeads
from tests.faults.simulation.memory_ledger import MemoryLedgerRows
from tests.faults.simulation.thinking import SeededThinker

if TYPE_CHECKING:
    from tests.faults.simulation.process import Process
    from tests.faults.simulation.world import World

CAPACITY = 8
LONGEST_TAKEOVER_SECONDS = 40.0


class NoNames:
    """Keeps no names of sent mails: in a world threads play no part."""

    async def named(self, names: Mapping[UUID, tuple[str, str]]) -> None:
        """Keeps nothing."""


class AgentProcess:
    """What one incarnation of an agent has in memory; `run` is its root task."""

    def __init__(self, world: "World", process: "Process") -> None:
        self._world = world
        self._process = process
        io, tables, times = world.io, world.agent, world.times
        sidecar = world.sidecar
        sweep = world.sweep_seconds
        self._outbox = outbox_ledger(MemoryLedgerRows(tables.outbox, io), sidecar, sweep)
        self._announcements = announcement_ledger(
            MemoryLedgerRows(tables.announcements, io), sidecar, sweep
        )
        fences = Fences(world.delivery_stub)
        self._fences = fence_ledger(MemoryLedgerRows(tables.fences, io), fences, sweep)
        self._receipts = ReceiptPublisher(sidecar)
        heads = MemoryHeads(tables, io)
        limits = DEFAULT_LIMITS.__getitem__
        ownership = Ownership(heads, times, limits, BOOK, world.new_id)
        turns = Turns(heads, times, BOOK, world.new_id)
        self._desk = Desk(turns, ownership, limits, self._committed)
        self._outcomes = MemoryOutcomes(tables, io)
        self.outbound = MemoryOutbound(tables, io)
        self._actors: dict[str, tuple[CustomerMethods, asyncio.Lock]] = {}
        self.owners = ActorClient(sidecar)
        self.corrections = SendCorrections(self._outcomes, self.owners)
        self.take_overs = TakeOvers(self.owners, fences, LONGEST_TAKEOVER_SECONDS)
        self._inbound = MemoryInbound(tables, io, times.quiet, times.burst)
        # A fresh start of the same slot voids what its predecessor left open.
        self._runner = Runner(
            f"{process.name}/{world.new_id()}",
            MemoryDueHeads(tables, io, self._inbound, times.lease),
            self.owners,
            SeededThinker(world.name, process.kill, world.plan.harshness),
            CAPACITY,
            world.poll_seconds,
        )
        taking = incoming.Incoming(
            self._inbound, world.intake_stub, world.identity_stub, self._receipts, self._runner
        )
        self._arriving = Gathering("incoming", taking.take)
        self._delivering = delivered.Delivered(self._outbox, self._outcomes, self.owners, NoNames())

    async def run(self) -> None:
        """Serves until the process dies."""
        subscribe = self._world.subscribe
        subscribe("agent", incoming.TOPIC, self._process, self._arrived)
        subscribe("agent", delivered.TOPIC, self._process, self._delivered)
        async with asyncio.TaskGroup() as tasks:
            for work in (
                self._outbox.run,
                self._announcements.run,
                self._fences.run,
                self._receipts.run,
                self._take_over,
                self._runner.run,
            ):
                tasks.create_task(work())

    async def invoke(self, request: api_v1.InvokeActorRequest) -> bytes:
        """Runs one method of an actor that this process hosts, one at a time for each actor."""
        methods, turn = self._hosted(request.actor_id)
        called: dict[str, Callable[[bytes], Awaitable[bytes]]] = {
            "Begin": methods.begin,
            "Commit": methods.commit,
            "Report": methods.report,
            "TakeOver": methods.take_over,
            "Reply": methods.reply,
            "HandBack": methods.hand_back,
        }
        async with turn:
            return await called[request.method](request.data)

    def _hosted(self, ident: str) -> tuple[CustomerMethods, asyncio.Lock]:
        if ident not in self._actors:
            snapshots = MemorySnapshots(self._world.agent, self._world.io, ident)
            customer = CachedCustomer(*owner_of(ident), self._desk, snapshots)
            self._actors[ident] = (CustomerMethods(customer, self._outcomes), asyncio.Lock())
        return self._actors[ident]

    async def _take_over(self) -> None:
        self._receipts.send(await self._inbound.recent_receipts())
        await self._arriving.run()

    async def _arrived(self, event: bytes) -> None:
        self._arriving.put(incoming.asked(receipts_pb2.RowsDriven.FromString(event)))

    async def _delivered(self, event: bytes) -> None:
        await self._delivering.take(receipts_pb2.ReceiptsIssued.FromString(event))

    def _committed(self, commit: Commit) -> None:
        ledgers = {
            LedgerName.OUTBOX: self._outbox,
            LedgerName.ANNOUNCEMENTS: self._announcements,
        }
        for hint in commit.hints:
            row = Row(hint.row_id, hint.topic, hint.group_id, hint.payload)
            ledgers[hint.ledger].hint([row])
        self._receipts.send(
            Receipt(message_id, settled=True, outcome=outcome)
            for message_id, outcome in commit.settled
        )


class Placement:
    """Finds the host of an actor; a split makes any host believe that it is the one.

    It stands for Dapr's API in a sidecar, of which the agent uses `InvokeActor`.
    """

    def __init__(self, world: "World") -> None:
        self._world = world

    async def InvokeActor(  # noqa: N802 - the name is Dapr's
        self,
        request: api_v1.InvokeActorRequest,
        *,
        timeout: float,  # noqa: ASYNC109 - the name is gRPC's
    ) -> api_v1.InvokeActorResponse:
        """Calls the actor in the process that has it."""
        process = self._host(request.actor_id)
        try:
            async with asyncio.timeout(timeout):
                data = await process.ask(lambda: self._world.agents[process.name].invoke(request))
        except TimeoutError as error:
            raise Unavailable("the actor did not answer") from error
        return api_v1.InvokeActorResponse(data=data)

    def _host(self, ident: str) -> "Process":
        alive = [p for p in self._world.agent_processes if p.alive and p.name in self._world.agents]
        if not alive:
            raise Unavailable("no host of actors")
        if self._world.placement_is_split():
            return alive[self._world.chance.randrange(len(alive))]
        # As consistent hashing: the same host as long as the same hosts are there.
        number = UUID(ident.partition("~")[0]).int
        return alive[number % len(alive)]


class WorldSidecar:
    """Every process's way to the broker and to actors."""

    def __init__(self, world: "World") -> None:
        self._world = world
        self._placement = Placement(world)

    @property
    def dapr(self) -> Any:
        """Dapr's API."""
        return self._placement

    async def publish(self, topic: str, data: bytes, *, partition_key: str = "") -> None:
        """Publishes one event; raises `Unavailable` when it is not taken."""
        await self._world.broker.publish(topic, data)
