"""The inbox's port and its reader over rows in memory, as their Postgres adapters behave."""

from collections.abc import Callable, Sequence
from uuid import UUID

from chassis.ledger import Row
from fte.intake.v1 import intake_service_pb2
from services.intake.adapters.inbox import FETCH_BYTES
from services.intake.adapters.mapping import form_from_row, message_from_row, status_from_row
from services.intake.application.messages import (
    Accepted,
    Channel,
    Handle,
    InboundMessage,
    ProviderStatus,
    StoredForm,
)
from services.intake.application.submissions import ACCOUNT
from services.intake.application.tickets import reply_prefix
from tests.faults.simulation.boundary import Io
from tests.faults.simulation.memory_inbox_rows import InboxInMemory, InboxRow

_MOST_REPLIES = 200


class MemoryInbox:
    """One process's way to the rows; `hint` hears of each row after its commit, as the ledger does."""

    def __init__(self, inbox: InboxInMemory, io: Io, hint: Callable[[Sequence[Row]], None]) -> None:
        self._inbox = inbox
        self._io = io
        self._hint = hint
        self._handles: dict[Handle, UUID] = {}

    async def accept(self, message: InboundMessage) -> Accepted:
        """Stores a message once, with the next number of its handle unless it is suppressed."""
        handle_id = await self._handle_id(message.handle) if message.handle else None
        await self._io.request("intake.inbox.accept")
        row = self._inbox.add(message, handle_id)
        await self._io.response("intake.inbox.accept")
        if row is None:
            return await self._first(message)
        if message.suppress_reason is None:
            self._hint([row.ledger_row()])
        return _accepted(row, is_new=True)

    async def accept_status(self, status: ProviderStatus) -> Accepted:
        """Stores a provider's status once."""
        await self._io.request("intake.inbox.accept_status")
        row = self._inbox.add_status(status)
        await self._io.response("intake.inbox.accept_status")
        if row is None:
            return await self._first(status)
        self._hint([row.ledger_row()])
        return _accepted(row, is_new=True)

    async def known(self, channel: Channel, account: str, provider_ids: Sequence[str]) -> set[str]:
        """Returns those of the provider ids that are in the inbox."""
        if not provider_ids:
            return set()
        await self._io.request("intake.inbox.known")
        found = {p for p in provider_ids if (channel, account, p) in self._inbox.events}
        await self._io.response("intake.inbox.known")
        return found

    async def form(self, provider_id: str) -> StoredForm | None:
        """Returns a form submission or a reply by its provider id."""
        await self._io.request("intake.inbox.form")
        row = self._inbox.events.get((Channel.WEB_FORM, ACCOUNT, provider_id))
        await self._io.response("intake.inbox.form")
        return None if row is None else _stored_form(row)

    async def replies(self, ticket_id: UUID) -> list[StoredForm]:
        """Returns the status-page replies to a ticket, oldest first, at most 200."""
        prefix = reply_prefix(ticket_id)
        await self._io.request("intake.inbox.replies")
        found = [
            row
            for (channel, account, provider_id), row in self._inbox.events.items()
            if channel is Channel.WEB_FORM and account == ACCOUNT and provider_id.startswith(prefix)
        ]
        await self._io.response("intake.inbox.replies")
        found.sort(key=lambda row: (row.accept_time, row.inbox_id))
        return [_stored_form(row) for row in found[:_MOST_REPLIES]]

    async def _first(self, event: InboundMessage | ProviderStatus) -> Accepted:
        await self._io.request("intake.inbox.first")
        row = self._inbox.events[event.channel, event.account, event.provider_id]
        await self._io.response("intake.inbox.first")
        return _accepted(row, is_new=False)

    async def _handle_id(self, handle: Handle) -> UUID:
        cached = self._handles.get(handle)
        if cached is not None:
            return cached
        await self._io.request("intake.inbox.handle")
        handle_id = self._inbox.ensure_handle(handle)
        await self._io.response("intake.inbox.handle")
        self._handles[handle] = handle_id
        return handle_id


class MemoryInboxReader:
    """Hands accepted rows out in the wire's form."""

    def __init__(self, inbox: InboxInMemory, io: Io) -> None:
        self._inbox = inbox
        self._io = io

    async def messages(
        self, cursors: Sequence[tuple[UUID, int]], page_size: int
    ) -> tuple[list[intake_service_pb2.InboundMessage], bool]:
        """Returns the next messages of each handle in order, and whether there are more behind them."""
        await self._io.request("intake.inbox.messages")
        page: list[InboxRow] = []
        found = size = 0
        for handle_id, after_seq in sorted(cursors):
            handle = self._inbox.handles.get(handle_id)
            rows = handle.order[after_seq : after_seq + page_size + 1] if handle else []
            for place, row in enumerate(rows):
                found += 1
                size += len(row.content)
                # The first one is handed out whatever its size.
                if place < page_size and (size <= FETCH_BYTES or found == 1):
                    page.append(row)
        await self._io.response("intake.inbox.messages")
        return [_message(row) for row in page], bool(page) and found > len(page)

    async def statuses(self, row_ids: Sequence[UUID]) -> list[intake_service_pb2.ProviderStatus]:
        """Returns the statuses that exist."""
        await self._io.request("intake.inbox.statuses")
        rows = [self._inbox.rows[r] for r in dict.fromkeys(row_ids) if r in self._inbox.rows]
        await self._io.response("intake.inbox.statuses")
        return [
            status_from_row(row.content, row.inbox_id, row.accept_time)
            for row in rows
            if row.kind == "status"
        ]

    async def channel_configs(self) -> list[intake_service_pb2.ChannelConfig]:
        """Returns none: nobody in a world asks for them."""
        return []


def _accepted(row: InboxRow, *, is_new: bool) -> Accepted:
    return Accepted(row.inbox_id, is_new, row.accept_time, row.inbox_seq)


def _message(row: InboxRow) -> intake_service_pb2.InboundMessage:
    if row.handle_id is None:
        raise LookupError("a message without a handle has no number")
    return message_from_row(
        row.content, row.inbox_id, row.handle_id, row.inbox_seq, row.accept_time
    )


def _stored_form(row: InboxRow) -> StoredForm:
    return form_from_row(row.content, row.inbox_id, row.request_hash, row.accept_time)
