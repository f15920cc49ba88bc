"""A delivery of a world: the real sending, reconciling and taking over, wired as the service wires them."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

from chassis.gathering import Gathering
from fte.conversation.v1 import receipts_pb2
from services.delivery.adapters.answers import ReceiptPublisher
from services.delivery.adapters.corrections import correction_ledger
from services.delivery.adapters.grpc_service import DeliveryServicer
from services.delivery.adapters.peers import AgentContent, IntakeStatuses
from services.delivery.adapters.subscriptions import OUTBOUND_TOPICS, STATUS_TOPIC
from services.delivery.application.ports import Patience, Receipt, Unnamed
from services.delivery.application.reconcile import Reconcile
from services.delivery.application.send_due import SendDue
from services.delivery.application.take_outbound import TakeOutbound
from services.delivery.application.take_statuses import TakeStatuses
from services.delivery.application.window_gate import WindowGate
from services.delivery.domain.breaker import Tolerance
from services.delivery.domain.intent import Channel, IntentId
from services.delivery.domain.transitions import Policy
from services.delivery.domain.window import Templates
from tests.faults.simulation.intake_process import OUR_ADDRESS, OUR_NUMBER
from tests.faults.simulation.memory_intents import MemoryIntentStore
from tests.faults.simulation.memory_ledger import MemoryLedgerRows

if TYPE_CHECKING:
    from tests.faults.simulation.process import Process
    from tests.faults.simulation.world import World

# The windows and waits of the product, ten times as fast.
WINDOWS = {
    Channel.EMAIL: timedelta(seconds=12),
    Channel.WHATSAPP: timedelta(seconds=30),
    Channel.WEB_FORM: timedelta(seconds=1),
}
GIVE_UP = timedelta(minutes=24)
FIRST_BACK_OFF, LONGEST_BACK_OFF = timedelta(seconds=0.2), timedelta(seconds=90)
TOLERANCE = Tolerance(faults=3, first_wait_seconds=0.5, longest_wait_seconds=6.0)
FOLLOWER_SECONDS = 3.0
READING_SECONDS = 5.0
ATTEMPT_SECONDS, SEND_SECONDS, AT_ONCE = 10.0, 4.0, 8


class _NoMedia:
    """No message of a world has an attachment."""

    async def media(self, url: str) -> bytes:
        """Returns nothing."""
        return b""


class NoSentMails:
    """Names no mail and finds none: in a world no mail comes back, and threads play no part."""

    async def unnamed(self, limit: int, hold_seconds: float) -> Sequence[Unnamed]:
        """Finds none."""
        return ()

    async def name(self, intent_id: IntentId, internet_message_id: str) -> Receipt | None:
        """Names none."""
        return None

    async def found(
        self, provider_id: str, internet_message_id: str, intent_id: UUID | None
    ) -> bool:
        """Finds none."""
        return False


class DeliveryProcess:
    """What one incarnation of delivery has in memory; `run` is its root task."""

    def __init__(self, world: "World", process: "Process") -> None:
        self._world = world
        self._process = process
        store = MemoryIntentStore(world.intents, world.io, FOLLOWER_SECONDS)
        answers = ReceiptPublisher(world.sidecar)
        policies = {
            channel: Policy(
                window,
                GIVE_UP,
                world.plan.never_resend,
                first_back_off=FIRST_BACK_OFF,
                longest_back_off=LONGEST_BACK_OFF,
            )
            for channel, window in WINDOWS.items()
        }
        patience = Patience(ATTEMPT_SECONDS, SEND_SECONDS, world.poll_seconds, AT_ONCE, TOLERANCE)
        providers = world.providers()
        content = AgentContent(world.agent_stub)
        self._send = SendDue(
            store, providers, policies, answers, patience, process.name,
            gates={Channel.WHATSAPP: WindowGate(content, Templates())},
        )  # fmt: skip
        self._statuses = TakeStatuses(
            store, IntakeStatuses(world.intake_stub), answers, self._send.wake
        )
        self._reconcile = Reconcile(
            store, providers, policies, answers, self._statuses, self._send.wake,
            world.poll_seconds, READING_SECONDS,
        )  # fmt: skip
        own = frozenset({OUR_ADDRESS, OUR_NUMBER})
        outbound = TakeOutbound(store, content, answers, own, self._send.wake)
        self._arriving = Gathering("outbound", outbound)
        self._reported = Gathering("statuses", self._statuses)
        self._answers = answers
        self._corrections = correction_ledger(
            MemoryLedgerRows(world.intents.corrections, world.io),
            world.agent_stub,
            world.sweep_seconds,
        )
        self.servicer = DeliveryServicer(store, answers, NoSentMails(), _NoMedia())

    async def run(self) -> None:
        """Serves until the process dies."""
        subscribe = self._world.subscribe
        for topic in OUTBOUND_TOPICS:
            subscribe("delivery", topic, self._process, _rows(self._arriving))
        subscribe("delivery", STATUS_TOPIC, self._process, _rows(self._reported))
        async with asyncio.TaskGroup() as tasks:
            for work in (
                self._recover_and_send,
                self._reconcile.run,
                self._arriving.run,
                self._reported.run,
                self._answers.run,
                self._corrections.run,
            ):
                tasks.create_task(work())

    async def _recover_and_send(self) -> None:
        await self._reconcile.recover(self._process.name)
        await self._reconcile.repeat_receipts()
        await self._send.run()


def _rows(gathering: Gathering[UUID]) -> Callable[[bytes], Coroutine[Any, Any, None]]:
    async def handle(event: bytes) -> None:
        driven = receipts_pb2.RowsDriven.FromString(event)
        gathering.put(UUID(row.row_id) for row in driven.rows)

    return handle
