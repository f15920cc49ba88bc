"""The agent's tables in memory: shared by all processes of a world, and surviving each of them.

Rows change only in `apply`-like effects, which are synchronous: what a transaction does is seen whole or not at all.
"""

import random
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from chassis.ledger import Row
from fte.agent.v1 import agent_service_pb2
from fte.intake.v1 import intake_service_pb2
from services.agent.adapters.escalations import ESCALATIONS_TOPIC
from services.agent.adapters.inbound import Owned
from services.agent.adapters.mapping import inbound_text
from services.agent.adapters.outbound_messages import outbound_message
from services.agent.adapters.projections import (
    DEAD_LETTERS_TOPIC,
    outbound_topic,
)
from services.agent.application.heads import Hint, LedgerName
from services.agent.domain.events import (
    ConversationStarted,
    Escalated,
    Event,
    GivenUp,
    HandedBack,
    MessagesTaken,
    ResponseGiven,
    TakenOver,
    TicketOpened,
    TicketReopened,
    TicketResolved,
    TurnFailed,
)
from services.agent.domain.flood import PACE, is_told
from services.agent.domain.turn import (
    Channel,
    ConversationId,
    CustomerId,
    InboundText,
    MessageId,
    Owner,
    Side,
    Turn,
    TurnId,
)
from tests.faults.simulation.locks import RowLocks
from tests.faults.simulation.memory_ledger import LedgerTableInMemory

_MINUTE = timedelta(minutes=1)
HeadKey = tuple[CustomerId, Side]


@dataclass(slots=True)
class Head:
    """A row of agent.heads."""

    version: int = 0
    turn_no: int = 0
    epoch: int = 0
    owner: Owner = Owner.AI
    owner_name: str = ""
    failure_count: int = 0
    begin_count: int = 0
    conversation_id: ConversationId | None = None
    conversation_version: int = 0
    due_time: datetime | None = None
    lease_time: datetime | None = None
    told_time: datetime | None = None


@dataclass(slots=True)
class TurnRow:
    """A row of agent.turns; `state` is open, committed, failed or void."""

    turn_id: TurnId
    key: HeadKey
    turn_no: int
    conversation_id: ConversationId
    runner: str
    message_ids: tuple[MessageId, ...]
    due_time: datetime
    cap_time: datetime
    state: str = "open"
    end_time: datetime | None = None


@dataclass(slots=True)
class Inbound:
    """An inbound row of agent.messages; `outcome` is absent while nothing was decided."""

    text: InboundText
    key: HeadKey
    handle_id: UUID
    inbox_seq: int
    source: intake_service_pb2.InboundMessage
    store_time: datetime
    outcome: str = ""
    turn_id: TurnId | None = None


@dataclass(slots=True)
class Outbound:
    """An outbound row of agent.messages."""

    message_id: MessageId
    key: HeadKey
    turn_id: TurnId
    event: ResponseGiven
    delivery_status: str = "pending"


@dataclass(slots=True)
class OutboxRow:
    """A row of agent.outbox beside its ledger's fields."""

    outbox_id: UUID
    message_id: MessageId
    conversation_id: ConversationId
    key: HeadKey
    channel: Channel
    send_seq: int
    epoch: int
    content: agent_service_pb2.OutboundMessage


@dataclass(slots=True)
class Escalation:
    """A row of agent.escalations."""

    escalation_id: UUID
    ticket_id: UUID
    key: HeadKey
    reason: str
    status: str = "open"


@dataclass(slots=True)
class DeadLetter:
    """A row of agent.dead_letters."""

    event: GivenUp
    key: HeadKey


class AgentInMemory:
    """All of the agent's tables; `new_id` and `random` are the world's, `now` is the database's clock."""

    def __init__(
        self, now: Callable[[], datetime], new_id: Callable[[], UUID], jitter: random.Random
    ) -> None:
        self.now = now
        self.new_id = new_id
        self.locks = RowLocks()
        self.heads: dict[HeadKey, Head] = {}
        self.turns: dict[TurnId, TurnRow] = {}
        self.open_turns: dict[HeadKey, TurnRow] = {}
        self.inbound: dict[MessageId, Inbound] = {}
        self.waiting: dict[HeadKey, list[Inbound]] = defaultdict(list)
        self.stored: dict[HeadKey, list[datetime]] = defaultdict(list)
        self.outbound: dict[MessageId, Outbound] = {}
        self.cursors: dict[UUID, int] = {}
        self.events: dict[HeadKey, list[tuple[int, Event]]] = defaultdict(list)
        self.counters: dict[tuple[ConversationId, Channel], int] = {}
        self.outbox_rows: dict[UUID, OutboxRow] = {}
        self.tickets: dict[UUID, str] = {}
        self.escalations: list[Escalation] = []
        self.dead_letters: list[DeadLetter] = []
        self.fence_rows: dict[UUID, tuple[HeadKey, ConversationId, int]] = {}
        self.snapshots: dict[str, bytes] = {}
        self.outbox = LedgerTableInMemory("agent.outbox", now, jitter)
        self.announcements = LedgerTableInMemory("agent.announcements", now, jitter)
        self.fences = LedgerTableInMemory("agent.fences", now, jitter)

    # --- Effects --------------------------------------------------------------------------------

    def add_inbound(self, owned: Owned) -> None:
        """Inserts a message and moves its handle's cursor; a repeat changes nothing."""
        message, key = owned.message, (owned.customer_id, owned.side)
        text = inbound_text(message, conflicting=owned.conflicting)
        handle_id = UUID(message.handle_id)
        if text.message_id not in self.inbound:
            row = Inbound(text, key, handle_id, message.inbox_seq, message, self.now())
            self.inbound[text.message_id] = row
            self.stored[key].append(row.store_time)
            line = self.waiting[key]
            line.append(row)
            line.sort(key=lambda r: (r.text.accept_time, r.handle_id, r.inbox_seq))
        self.cursors[handle_id] = max(self.cursors.get(handle_id, 0), message.inbox_seq)

    def recent(self, key: HeadKey) -> int:
        """Counts a side's messages of the last minute."""
        since = self.now() - _MINUTE
        return sum(time > since for time in self.stored[key])

    def recompute_due(
        self, key: HeadKey, quiet: timedelta, burst: timedelta, pace: int = PACE
    ) -> None:
        """Puts a head's due time to that of its oldest batch, unless it backs off or the customer is too fast."""
        head = self.heads[key]
        if head.failure_count:
            return
        times: dict[Channel, list[datetime]] = defaultdict(list)
        for row in self.waiting[key]:
            times[row.text.channel].append(row.store_time)
        due = [
            min(max(stored) + quiet, min(stored) + burst)
            if channel is Channel.WHATSAPP
            else min(stored)
            for channel, stored in times.items()
        ]
        head.due_time = min(due, default=None)
        if head.due_time is None or head.owner is not Owner.AI or self.recent(key) <= pace:
            return
        now = self.now()
        if not is_told(head.told_time, now):
            head.due_time = min(head.due_time, now)
            return
        too_many = sorted(self.stored[key], reverse=True)[pace]
        oldest = min(min(stored) for stored in times.values())
        head.due_time = max(head.due_time, min(too_many, oldest) + _MINUTE)

    def void_open(self, key: HeadKey) -> None:
        """Ends a head's open turn without any effect."""
        row = self.open_turns.pop(key, None)
        if row is not None:
            row.state, row.end_time = "void", self.now()

    def open_turn(self, turn: Turn, runner: str, lease: timedelta, cap: timedelta) -> None:
        """Opens a turn; the one that was open is void."""
        key = (turn.customer_id, turn.side)
        self.void_open(key)
        head, now = self.heads[key], self.now()
        head.turn_no, head.begin_count, head.lease_time = (
            turn.turn_no,
            turn.begin_count,
            now + lease,
        )
        row = TurnRow(
            turn.turn_id, key, turn.turn_no, turn.conversation_id, runner,
            tuple(m.message_id for m in turn.batch), turn.due_time, now + cap,
        )  # fmt: skip
        self.turns[turn.turn_id] = self.open_turns[key] = row

    def end_turn(self, turn_id: TurnId, state: str) -> None:
        """Ends a turn; an ownership change has none."""
        row = self.turns.get(turn_id)
        if row is not None:
            row.state, row.end_time = state, self.now()
            if self.open_turns.get(row.key) is row:
                del self.open_turns[row.key]

    def commit(
        self, turn: Turn, version: int, events: Sequence[Event], hints: Sequence[Hint]
    ) -> None:
        """Writes what a commit brings: events, the head, tables and ledger rows."""
        key = (turn.customer_id, turn.side)
        head = self.heads[key]
        self.events[key] += [(version, event) for event in events]
        head.version, head.lease_time = version, None
        if not isinstance(events[0], TurnFailed):
            head.failure_count = head.begin_count = 0
        for event in events:
            self._project(turn, key, head, version, event)
        for hint in hints:
            if hint.ledger is LedgerName.ANNOUNCEMENTS:
                self.announcements.insert(Row(hint.row_id, hint.topic, payload=hint.payload))

    def _project(self, turn: Turn, key: HeadKey, head: Head, version: int, event: Event) -> None:
        match event:
            case ConversationStarted():
                head.conversation_id, head.conversation_version = event.conversation_id, version
            case TicketOpened():
                waits = self.tickets.get(event.ticket_id) == "escalated"
                self.tickets[event.ticket_id] = "escalated" if waits else "in_progress"
            case TicketResolved():
                self._resolve(event.ticket_id)
            case TicketReopened():
                self.tickets[event.ticket_id] = "in_progress"
            case MessagesTaken():
                self._take(turn, key, event)
            case ResponseGiven():
                self._respond(turn, key, event)
            case Escalated():
                self.escalate(key, event.escalation_id, event.ticket_id, event.reason.value)
            case GivenUp():
                self.dead_letters.append(DeadLetter(event, key))
            case TakenOver() | HandedBack():
                self._change_owner(key, taken=isinstance(event, TakenOver))
            case _:
                pass

    def escalate(self, key: HeadKey, escalation_id: UUID, ticket_id: UUID, reason: str) -> None:
        """Makes a ticket a person's task."""
        self.tickets[ticket_id] = "escalated"
        self.escalations.append(Escalation(escalation_id, ticket_id, key, reason))

    def _resolve(self, ticket_id: UUID) -> None:
        self.tickets[ticket_id] = "resolved"
        for escalation in self.escalations:
            if escalation.ticket_id == ticket_id:
                escalation.status = "resolved"

    def _change_owner(self, key: HeadKey, *, taken: bool) -> None:
        before, after = ("open", "claimed") if taken else ("claimed", "resolved")
        for escalation in self.escalations:
            if escalation.key == key and escalation.status == before:
                escalation.status = after

    def _take(self, turn: Turn, key: HeadKey, event: MessagesTaken) -> None:
        ids = {m.message_id for m in event.messages}
        for message_id in ids:
            row = self.inbound[message_id]
            row.outcome, row.turn_id = event.outcome, turn.turn_id
        self.waiting[key] = [r for r in self.waiting[key] if r.text.message_id not in ids]

    def _respond(self, turn: Turn, key: HeadKey, event: ResponseGiven) -> None:
        if event.message_id in self.outbound:
            raise ValueError("a message id is used twice")
        self.outbound[event.message_id] = Outbound(event.message_id, key, turn.turn_id, event)
        lane = (turn.conversation_id, event.channel)
        answered = self.inbound[turn.answered.message_id].source
        for part in event.parts:
            seq = self.counters[lane] = self.counters.get(lane, 0) + 1
            content = outbound_message(
                turn, event, part, seq, answered, turn.ticket_reference, reply_id=""
            )
            self.outbox_rows[part.outbox_id] = OutboxRow(
                part.outbox_id, event.message_id, turn.conversation_id, key,
                event.channel, seq, turn.epoch, content,
            )  # fmt: skip
            row = Row(part.outbox_id, outbound_topic(event.channel), turn.conversation_id)
            self.outbox.insert(row)

    def add_fences(self, key: HeadKey, epoch: int, conversations: Sequence[ConversationId]) -> None:
        """Opens a fence in each conversation."""
        for conversation_id in conversations:
            fence_id = self.new_id()
            self.fence_rows[fence_id] = (key, conversation_id, epoch)
            row = Row(fence_id, "RaiseFence", conversation_id, str(epoch).encode())
            self.fences.insert(row)


def hints_of(turn: Turn, events: Sequence[Event], new_id: Callable[[], UUID]) -> tuple[Hint, ...]:
    """The ledger rows that a commit of these events writes; metrics are not simulated."""
    hints: list[Hint] = []
    for event in events:
        match event:
            case ResponseGiven():
                topic, group = outbound_topic(event.channel), turn.conversation_id
                hints += [Hint(LedgerName.OUTBOX, p.outbox_id, topic, group) for p in event.parts]
            case Escalated():
                hints.append(Hint(LedgerName.ANNOUNCEMENTS, new_id(), ESCALATIONS_TOPIC))
            case GivenUp():
                hints.append(Hint(LedgerName.ANNOUNCEMENTS, new_id(), DEAD_LETTERS_TOPIC))
            case _:
                pass
    return tuple(hints)
