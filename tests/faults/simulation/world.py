"""One seed is one world: the real services on memory, a broker and providers that are not to be trusted, and faults."""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID

import structlog

from chassis.errors import ServiceError
from services.agent.application.turns import TurnTimes
from services.delivery.adapters.web_form import WebForm
from services.delivery.application.ports import Provider
from services.delivery.domain.intent import Channel
from services.intake.application.ports import Cursor
from tests.faults.simulation import people, strikes
from tests.faults.simulation.agent_process import AgentProcess, WorldSidecar
from tests.faults.simulation.boundary import (
    Boundaries,
    Drawn,
    Fault,
    FaultPlan,
    Latency,
    Scripted,
)
from tests.faults.simulation.broker import Broker, Faithful, Handler, Unreliable
from tests.faults.simulation.checker import Held
from tests.faults.simulation.delivery_process import DeliveryProcess
from tests.faults.simulation.evidence import open_work
from tests.faults.simulation.intake_process import IntakeProcess
from tests.faults.simulation.loop import EPOCH, VirtualLoop
from tests.faults.simulation.memory_agent_tables import AgentInMemory
from tests.faults.simulation.memory_inbox_rows import InboxInMemory
from tests.faults.simulation.memory_intent_rows import IntentsInMemory
from tests.faults.simulation.memory_mail import CursorRow, MailboxInMemory
from tests.faults.simulation.memory_traffic import Arrivals
from tests.faults.simulation.outside import Customers, seeded
from tests.faults.simulation.plan import Plan, choose_fault
from tests.faults.simulation.process import Process
from tests.faults.simulation.providers import FarProvider, FarSide, Report
from tests.faults.simulation.stubs import (
    AgentStub,
    DeliveryStub,
    IdentityStub,
    IntakeStub,
    nobody_there,
)
from tests.faults.simulation.treatment import (
    Action,
    Chances,
    Moody,
    Scheduled,
    Treatment,
    TreatmentPlan,
)

TIMES = TurnTimes(
    quiet=timedelta(seconds=2.5),
    burst=timedelta(seconds=10),
    chat_cap=timedelta(seconds=60),
    mail_cap=timedelta(seconds=120),
    retry=timedelta(seconds=2),
)
# The product looks more often; here it only matters that it looks.
POLL_SECONDS = 5.0
SWEEP_SECONDS = 5.0
# A world that is not at rest by then never will be.
HORIZON_SECONDS = 45 * 60.0
# Nothing may be open for so long: longer than an event is late or comes again.
QUIET_SECONDS = 5.5
# A supervisor starts again what died.
RESTART_SECONDS = 3.0
CALLBACK_TRIES = 5
CHANCES = Chances(callback_seconds=8.0, retry_after_seconds=10.0)
_CALM = Latency(none=1.0)

structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))


class World:
    """The world of one plan; `run` makes it happen and brings it to rest."""

    def __init__(self, plan: Plan, faults: FaultPlan | None = None) -> None:
        self.plan = plan
        self.name = f"world/{plan.seed}"
        self.loop = VirtualLoop()
        self.now = self.loop.now
        self.times = TIMES
        self.poll_seconds = POLL_SECONDS
        self.sweep_seconds = SWEEP_SECONDS
        self.chance = seeded(f"{self.name}/chance")
        self._ids = seeded(f"{self.name}/ids")
        self.faults = faults or self._fault_plan()
        latency = Latency(none=0.8) if plan.latency else _CALM
        self.io = Boundaries(self.loop, seeded(f"{self.name}/latency"), self.faults, latency)
        carries = Unreliable(seeded(f"{self.name}/broker")) if plan.harshness else Faithful()
        self.broker = Broker(self.loop, self.io.outside, carries)
        self.inbox = InboxInMemory(self.now, seeded(f"{self.name}/inbox"))
        self.agent = AgentInMemory(self.now, self.new_id, seeded(f"{self.name}/agent"))
        self.intents = IntentsInMemory(self.now, seeded(f"{self.name}/intents"))
        # The mailbox was watched before the world began: what comes from now on is ours.
        self.mailbox = MailboxInMemory(self.now)
        watched_until = EPOCH + timedelta(days=7)
        self.mail_cursor = CursorRow(
            Cursor(
                self.mailbox.newest_id,
                watched_until,
                watch_time=EPOCH,
                watch_try_time=EPOCH,
                start_time=EPOCH,
            )
        )
        self.mail_arrivals: Arrivals = {}
        self.customers = Customers(self)
        self.far = {
            channel: FarSide(channel, self.loop, self._treatments(channel), self._heard)
            for channel in (Channel.EMAIL, Channel.WHATSAPP)
        }
        self.sidecar = WorldSidecar(self)
        # They stand for gRPC's generated stubs, of whose types nothing else is.
        self.intake_stub: Any = IntakeStub(self)
        self.agent_stub: Any = AgentStub(self)
        self.delivery_stub: Any = DeliveryStub(self)
        self.identity_stub: Any = IdentityStub(self)
        self.split_until = 0.0
        self.intake_process = Process("intake-0", self._down)
        self.agent_processes = [Process(f"agent-{n}", self._down) for n in range(plan.replicas)]
        self.delivery_processes = [
            Process(f"delivery-{n}", self._down) for n in range(plan.replicas)
        ]
        self._intake: IntakeProcess | None = None
        self.agents: dict[str, AgentProcess] = {}
        self.deliveries: dict[str, DeliveryProcess] = {}
        self.held: list[Held] = []
        # People who have asked for something and wait for the answer.
        self.waiting_people = 0
        self.calm = False

    def new_id(self) -> UUID:
        """Returns an id of the world's own sequence."""
        return UUID(int=self._ids.getrandbits(128), version=4)

    def providers(self) -> dict[Channel, Provider]:
        """Returns one delivery's way to the providers."""
        ways: dict[Channel, Provider] = {
            channel: FarProvider(far, self.io.outside) for channel, far in self.far.items()
        }
        ways[Channel.WEB_FORM] = WebForm()
        return ways

    def subscribe(self, group: str, topic: str, process: Process, handler: Handler) -> None:
        """Has a process hear a topic, as one of its group."""
        self.broker.subscribe(topic, process, handler, group)

    # --- Who is there ---------------------------------------------------------------------------

    def intake(self) -> IntakeProcess:
        """Returns what intake has in memory; raises `Unavailable` while it is down."""
        if self._intake is None or not self.intake_process.alive:
            raise nobody_there("intake")
        return self._intake

    def some_agent(self) -> Process:
        """Returns an agent that is alive."""
        return self._some(self.agent_processes, self.agents, "agent")

    def some_delivery(self) -> Process:
        """Returns a delivery that is alive."""
        return self._some(self.delivery_processes, self.deliveries, "delivery")

    def placement_is_split(self) -> bool:
        """Whether several hosts believe that they have the same actor."""
        return self.loop.time() < self.split_until

    def _some(
        self,
        processes: Sequence[Process],
        memories: Mapping[str, object],
        service: str,
    ) -> Process:
        alive = [p for p in processes if p.alive and p.name in memories]
        if not alive:
            raise nobody_there(service)
        # A call to one that is stopped would time out and go to another.
        answering = [process for process in alive if not process.stopped] or alive
        return answering[self.chance.randrange(len(answering))]

    # --- What happens ---------------------------------------------------------------------------

    def run(self) -> "World":
        """Makes the plan happen, waits for rest and closes the world."""
        self.loop.run_world(self._happen())
        return self

    async def _happen(self) -> None:
        self._start_all()
        async with asyncio.TaskGroup() as tasks:
            for number, say in enumerate(self.plan.says):
                tasks.create_task(self._at(say.time, partial(self.customers.say, say, number)))
            for strike in self.plan.strikes:
                tasks.create_task(self._at(strike.time, partial(strikes.land, self, strike)))
            for desk in self.plan.desks:
                tasks.create_task(self._at(desk.time, partial(people.work, self, desk)))
            tasks.create_task(self._at(self.plan.span, self._be_calm))
        # Doubles come late: nothing may be open for this long.
        quiet_since = self.loop.time()
        while self.loop.time() - quiet_since < QUIET_SECONDS and self.loop.time() < HORIZON_SECONDS:
            await asyncio.sleep(1.0)
            if open_work(self):
                quiet_since = self.loop.time()

    async def _at(self, time: float, work: Callable[[], Awaitable[None]]) -> None:
        await asyncio.sleep(time)
        await work()

    async def _be_calm(self) -> None:
        """From here on only what is under way goes on: crossings do no harm any more."""
        self.calm = True
        for process in (self.intake_process, *self.agent_processes, *self.delivery_processes):
            process.wake()

    def _start_all(self) -> None:
        self.intake_process.start(self._run_intake)
        for process in self.agent_processes:
            process.start(partial(self._run_agent, process))
        for process in self.delivery_processes:
            process.start(partial(self._run_delivery, process))

    async def _run_intake(self) -> None:
        self._intake = IntakeProcess(self, self.intake_process)
        await self._intake.run()

    async def _run_agent(self, process: Process) -> None:
        self.agents[process.name] = agent = AgentProcess(self, process)
        await agent.run()

    async def _run_delivery(self, process: Process) -> None:
        self.deliveries[process.name] = delivery = DeliveryProcess(self, process)
        await delivery.run()

    def _down(self, process: Process) -> None:
        """A supervisor starts again what died; a planned kill has its own time."""
        self.loop.later(RESTART_SECONDS, process.restart)

    async def _heard(self, report: Report) -> None:
        """A status callback of the provider, told again a few times while intake is away."""
        fields = {
            "MessageSid": report.provider_id,
            "MessageStatus": report.status,
            "AccountSid": "AC1",
            "ErrorCode": report.error_code,
        }
        for _ in range(CALLBACK_TRIES):
            try:
                intake = self.intake()
                await self.intake_process.ask(
                    lambda intake=intake: intake.status(fields, str(report.intent_id))  # type: ignore[misc]
                )
            except ServiceError:
                await asyncio.sleep(1.0)
            else:
                return

    def _fault_plan(self) -> FaultPlan:
        if self.plan.scripted is not None:
            return Scripted(self.plan.scripted)
        drawn = seeded(f"{self.name}/faults")
        return Drawn(drawn, self.plan.fault_rate, self._choose)

    def _choose(self, draw: random.Random, process: str) -> Fault | None:
        return None if self.calm else choose_fault(draw, process)

    def _treatments(self, channel: Channel) -> TreatmentPlan:
        if not self.plan.harshness:
            return Scheduled([Treatment(Action(outcome)) for outcome in self.plan.outcomes])
        chances = replace(CHANCES, witness_late_seconds=self.plan.late_witness_seconds)
        return Moody(seeded(f"{self.name}/{channel}"), chances)
