"""One seed is one world: the real services on memory, a broker and providers that are not to be trusted, and faults."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from uuid import UUID

import structlog

from fte.conversation.v1 import conversation_pb2
from fte.identity.v1 import identity_service_pb2
from services.agent.application.turns import TurnTimes
from services.delivery.application.ports import Provider
from services.delivery.domain.intent import Channel
from tests.faults.simulation.agent_process import AgentProcess, WorldSidecar
from tests.faults.simulation.boundary import Boundaries, Drawn, FaultPlan, Latency, Scripted
from tests.faults.simulation.broker import Broker, Faithful, Handler, Unreliable
from tests.faults.simulation.delivery_process import DeliveryProcess
from tests.faults.simulation.intake_process import IntakeProcess
from tests.faults.simulation.loop import VirtualLoop
from tests.faults.simulation.memory_agent_tables import AgentInMemory
from tests.faults.simulation.memory_inbox_rows import InboxInMemory
from tests.faults.simulation.memory_intent_rows import IntentsInMemory
from tests.faults.simulation.memory_mail import CursorRow, MailboxInMemory
from tests.faults.simulation.outside import Customers
from tests.faults.simulation.plan import Plan, choose_fault
from tests.faults.simulation.process import Process
from tests.faults.simulation.stubs import AgentStub, DeliveryStub, IdentityStub, IntakeStub

TIMES = TurnTimes(
    quiet=timedelta(seconds=2.5),
    burst=timedelta(seconds=10),
    chat_cap=timedelta(seconds=60),
    mail_cap=timedelta(seconds=120),
    retry=timedelta(seconds=2),
)
POLL_SECONDS = 1.0
SWEEP_SECONDS = 1.0
# A world that is not at rest by then never will be.
HORIZON_SECONDS = 2 * 3600.0
_CALM = Latency(none=1.0)

structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(60))
