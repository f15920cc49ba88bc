"""The agent's other stores over tables in memory: inbound messages, due heads, outcomes of sends, snapshots."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from chassis.ledger import Receipt
from fte.agent.v1 import agent_service_pb2
from fte.agent.v1 import customer_actor_pb2 as wire
from services.agent.adapters.inbound import Owned
from services.agent.adapters.mapping import state_from_proto, state_to_proto, timestamp
from services.agent.adapters.send_outcomes import DELIVERY_STATUS
from services.agent.application.runner import Head
from services.agent.domain.conversation import State
from services.agent.domain.decisions import BEGINS
from services.agent.domain.events import SendFailed
from services.agent.domain.turn import CustomerId, EscalationReason, Side, TurnId
from services.agent.domain.window import window_end
from tests.faults.simulation.boundary import Io
from tests.faults.simulation.locks import Transaction
from tests.faults.simulation.memory_agent_tables import AgentInMemory, HeadKey, OutboxRow
from tests.faults.simulation.memory_agent_tables import Head as HeadInMemory

RECENT = timedelta(seconds=90)


class MemoryInbound:
    """Messages from intake, each stored once, and the due times of their customers."""

    def __init__(self, tables: AgentInMemory, io: Io, quiet: timedelta, burst: timedelta) -> None:
        self._tables = tables
        self._io = io
        self._quiet = quiet
        self._burst = burst

    async def receipts(self, message_ids: Sequence[UUID]) -> dict[UUID, Receipt]:
        """The newest receipt of each message that is stored here."""
        await self._io.request("agent.inbound.receipts")
        found = self._receipts(message_ids)
        await self._io.response("agent.inbound.receipts")
        return found

    async def recent_receipts(self) -> list[Receipt]:
        """The receipts of what was settled within the last 90 seconds."""
        await self._io.request("agent.inbound.recent_receipts")
        since = self._tables.now() - RECENT
        ended = [t for t in self._tables.turns.values() if t.end_time and t.end_time > since]
        found = self._receipts([message_id for turn in ended for message_id in turn.message_ids])
        await self._io.response("agent.inbound.recent_receipts")
        return list(found.values())

    async def cursors(self, handle_ids: Sequence[UUID]) -> dict[UUID, int]:
        """How far each handle's sequence is stored; 0 for a new handle."""
        await self._io.request("agent.inbound.cursors")
        found = {handle_id: self._tables.cursors.get(handle_id, 0) for handle_id in handle_ids}
        await self._io.response("agent.inbound.cursors")
        return found

    async def store(self, batch: Sequence[Owned]) -> None:
        """Stores messages, cursors, heads and due times; all or nothing, repeats change nothing."""
        await self._store(batch, begin_count=None)

    async def store_unreadable(self, owned: Owned) -> None:
        """Stores a message that cannot be stored as it is; its turn is given up at once."""
        await self._store([owned], begin_count=BEGINS)

    async def make_due(self) -> int:
        """Makes due whoever has waiting messages, no due time and no live lease; returns how many."""
        now, found = self._tables.now(), 0
        for key, head in self._tables.heads.items():
            leased = head.lease_time is not None and head.lease_time >= now
            if head.due_time is None and not leased and self._tables.waiting[key]:
                head.due_time = now
                found += 1
        return found

    async def _store(self, batch: Sequence[Owned], begin_count: int | None) -> None:
        await self._io.request("agent.inbound.store")
        keys: list[HeadKey] = sorted({(owned.customer_id, owned.side) for owned in batch})
        transaction = Transaction(self._tables.locks)
        try:
            for key in keys:
                await transaction.lock(key)
            for owned in batch:
                self._tables.heads.setdefault((owned.customer_id, owned.side), HeadInMemory())
                self._tables.add_inbound(owned)
            for key in keys:
                self._tables.recompute_due(key, self._quiet, self._burst)
                if begin_count is not None:
                    self._tables.heads[key].begin_count = begin_count
        finally:
            transaction.end()
        await self._io.response("agent.inbound.store")

    def _receipts(self, message_ids: Sequence[UUID]) -> dict[UUID, Receipt]:
        rows = {m: self._tables.inbound[m] for m in message_ids if m in self._tables.inbound}  # type: ignore[index]
        return {
            m: Receipt(m, settled=bool(row.outcome), outcome=row.outcome) for m, row in rows.items()
        }


class MemoryDueHeads:
    """Due heads and leases for one runner's process."""

    def __init__(
        self, tables: AgentInMemory, io: Io, inbound: MemoryInbound, lease: timedelta
    ) -> None:
        self._tables = tables
        self._io = io
        self._inbound = inbound
        self._lease = lease

    async def due(self, limit: int) -> Sequence[Head]:
        """Lists heads that are due and have no live lease, longest waiting first."""
        await self._io.request("agent.heads.due")
        now = self._tables.now()
        found = [
            (head.due_time, key)
            for key, head in self._tables.heads.items()
            if head.due_time is not None
            and head.due_time <= now
            and (head.lease_time is None or head.lease_time < now)
        ]
        found.sort()
        return [Head(*key) for _, key in found[:limit]]

    async def renew(self, turn_ids: Sequence[TurnId]) -> None:
        """Renews leases, only of turns that are still open and never past their cap."""
        await self._io.request("agent.heads.renew")
        for turn_id in turn_ids:
            row = self._tables.turns.get(turn_id)
            if row is not None and row.state == "open":
                head = self._tables.heads[row.key]
                if head.turn_no == row.turn_no:
                    head.lease_time = min(self._tables.now() + self._lease, row.cap_time)
        await self._io.response("agent.heads.renew")

    async def void_predecessor(self, runner: str) -> int:
        """Voids the open turns of earlier starts of this slot; the part before the slash names the slot."""
        await self._io.request("agent.heads.void_predecessor")
        slot = runner.partition("/")[0]
        mine = [
            row
            for row in self._tables.open_turns.values()
            if row.runner.partition("/")[0] == slot and row.runner != runner
        ]
        for row in mine:
            self._tables.void_open(row.key)
            self._tables.heads[row.key].lease_time = None
        await self._io.response("agent.heads.void_predecessor")
        return len(mine)

    async def revive(self) -> int:
        """Makes due whoever has waiting messages, no due time and no live lease."""
        await self._io.request("agent.heads.revive")
        return await self._inbound.make_due()


class MemoryOutcomes:
    """Outcomes of outbox rows."""

    def __init__(self, tables: AgentInMemory, io: Io) -> None:
        self._tables = tables
        self._io = io

    async def sent(self, outbox_ids: Sequence[UUID], provider_ids: Sequence[str]) -> None:
        """Shows messages as sent whose every part is settled."""
        await self._io.request("agent.outcomes.sent")
        open_rows = self._tables.outbox.unsettled.keys()
        for outbox_id in outbox_ids:
            row = self._tables.outbox_rows.get(outbox_id)
            if row is None:
                continue
            message = self._tables.outbound[row.message_id]
            parts = {part.outbox_id for part in message.event.parts}
            if message.delivery_status == "pending" and not parts & open_rows:
                message.delivery_status = "sent"
        await self._io.response("agent.outcomes.sent")

    async def owners(self, outbox_ids: Sequence[UUID]) -> dict[UUID, tuple[CustomerId, Side]]:
        """Whose rows these are; those that already show how they ended are left out."""
        await self._io.request("agent.outcomes.owners")
        found = {
            row.outbox_id: row.key
            for outbox_id in outbox_ids
            if (row := self._tables.outbox_rows.get(outbox_id)) is not None
            and self._tables.outbox.outcome(outbox_id) in {"", "sent"}
        }
        await self._io.response("agent.outcomes.owners")
        return found

    async def report(
        self, customer_id: CustomerId, side: Side, request: wire.ReportRequest
    ) -> None:
        """Closes the rows and makes the failure a person's task; repeats change nothing."""
        key = (customer_id, side)
        await self._io.request("agent.outcomes.report")
        transaction = Transaction(self._tables.locks)
        try:
            await transaction.lock(key)
            for outcome in request.outcomes:
                self._close(key, UUID(outcome.outbox_id), outcome.outcome)
        finally:
            transaction.end()
        await self._io.response("agent.outcomes.report")

    def _close(self, key: HeadKey, outbox_id: UUID, outcome: str) -> None:
        if self._tables.outbox.outcome(outbox_id) not in {"", "sent"}:
            return
        self._tables.outbox.settle(outbox_id, outcome)
        self._tables.outbox.entries[outbox_id].outcome = outcome
        row = self._tables.outbox_rows[outbox_id]
        message = self._tables.outbound[row.message_id]
        message.delivery_status = DELIVERY_STATUS[outcome]
        if outcome != "cancelled":
            reason = EscalationReason.DELIVERY_FAILURE.value
            escalation_id = self._tables.new_id()
            self._tables.escalate(key, escalation_id, message.event.ticket_id, reason)
        version = self._tables.heads[key].version
        failed = SendFailed(outbox_id, row.message_id, outcome)
        self._tables.events[key].append((version, failed))


class MemoryOutbound:
    """What delivery asks of AgentService, in this process."""

    def __init__(self, tables: AgentInMemory, io: Io) -> None:
        self._tables = tables
        self._io = io

    async def FetchOutbound(  # noqa: N802 - the name is the contract's
        self, request: agent_service_pb2.FetchOutboundRequest, **_: Any
    ) -> agent_service_pb2.FetchOutboundResponse:
        """Returns the content of outbox rows by id."""
        await self._io.request("agent.outbox.fetch")
        ids = [UUID(outbox_id) for outbox_id in request.outbox_ids]
        rows = [self._tables.outbox_rows[i] for i in ids if i in self._tables.outbox_rows]
        await self._io.response("agent.outbox.fetch")
        return agent_service_pb2.FetchOutboundResponse(messages=[self._renewed(r) for r in rows])

    def _renewed(self, row: OutboxRow) -> agent_service_pb2.OutboundMessage:
        """The content with the window as it is now."""
        message = agent_service_pb2.OutboundMessage()
        message.CopyFrom(row.content)
        wrote = [
            found.text.accept_time
            for found in self._tables.inbound.values()
            if str(found.handle_id) == message.handle_id
        ]
        if message.HasField("window_end_time") and wrote:
            message.window_end_time.CopyFrom(timestamp(window_end(max(wrote))))
        return message


class MemorySnapshots:
    """Dapr's state store for one actor: loading may fail, a failed save is forgotten."""

    def __init__(self, tables: AgentInMemory, io: Io, actor: str) -> None:
        self._tables = tables
        self._io = io
        self._actor = actor

    async def load(self) -> State | None:
        """Returns the last saved state, None if there is none."""
        await self._io.request("agent.snapshots.load")
        saved = self._tables.snapshots.get(self._actor)
        await self._io.response("agent.snapshots.load")
        return None if saved is None else state_from_proto(wire.Snapshot.FromString(saved))

    async def save(self, state: State) -> None:
        """Saves the state; an error of the store is swallowed here, as the real one logs it."""
        try:
            await self._io.request("agent.snapshots.save")
            self._tables.snapshots[self._actor] = state_to_proto(state).SerializeToString()
            await self._io.response("agent.snapshots.save")
        except OSError:
            return
