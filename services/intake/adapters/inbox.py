"""The durable inbox in Postgres, and the two ledgers that drive its rows on."""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import asyncpg

from chassis.database import Pool
from chassis.ledger import Ledger, Publish, Row
from chassis.ledger_rows import LedgerTable, PostgresLedgerRows
from fte.intake.v1 import intake_service_pb2
from services.intake.adapters import inbox_sql as sql
from services.intake.adapters.mapping import (
    channel_to_proto,
    form_from_row,
    message_content,
    message_from_row,
    status_content,
    status_from_row,
)
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

INCOMING = "fte.tickets.incoming"
STATUS = "fte.channels.status"
FETCH_BYTES = 3 * 1024 * 1024
_CACHED_HANDLES = 20_000

_INBOX = LedgerTable(
    name="intake.inbox",
    key="inbox_id",
    topic=f"CASE kind WHEN 'message' THEN '{INCOMING}' ELSE '{STATUS}' END",
    group_id="coalesce(handle_id, inbox_id)",
)
_ANNOUNCEMENTS = LedgerTable(
    name="intake.announcements", key="announcement_id", topic="topic", payload="payload"
)


@dataclass(frozen=True, slots=True)
class Ledgers:
    """What drives inbox rows to their far ends, and announcements to the broker."""

    inbox: Ledger
    announcements: Ledger


def ledgers(pool: Pool, publish: Publish, announce: Publish) -> Ledgers:
    """Makes the ledgers over intake's tables."""
    return Ledgers(
        inbox=Ledger(PostgresLedgerRows(pool, _INBOX), publish),
        announcements=Ledger(PostgresLedgerRows(pool, _ANNOUNCEMENTS), announce, close_on_ack=True),
    )


class PostgresInbox:
    """Accepts events: when a call returns, its row is committed and the ledgers know of it."""

    def __init__(self, pool: Pool, drive: Ledgers) -> None:
        self._pool = pool
        self._drive = drive
        self._handles: OrderedDict[Handle, UUID] = OrderedDict()

    async def accept(self, message: InboundMessage) -> Accepted:
        """Stores a message once, with the next number of its handle unless it is suppressed."""
        handle_id = await self._handle_of(message)
        # One statement is one transaction: once it returns, the webhook may be answered.
        row = await self._pool.fetchrow(
            sql.ACCEPT,
            message.channel,
            message.account,
            message.provider_id,
            handle_id,
            message.assurance,
            message_content(message),
            message.raw,
            message.request_hash or None,
            message.suppress_reason,
        )
        if row is None:
            return await self._first(message.channel, message.account, message.provider_id)
        if message.suppress_reason is None:
            self._drive.inbox.hint([Row(row["inbox_id"], INCOMING, handle_id)])
        if row["announcement_id"] is not None:
            self._drive.announcements.hint(
                [Row(row["announcement_id"], row["topic"], payload=row["payload"])]
            )
        return Accepted(row["inbox_id"], True, row["accept_time"], row["inbox_seq"])  # noqa: FBT003

    async def accept_status(self, status: ProviderStatus) -> Accepted:
        """Stores a provider's status once."""
        row = await self._pool.fetchrow(
            sql.ACCEPT_STATUS,
            status.channel,
            status.account,
            status.provider_id,
            status_content(status),
            status.raw,
        )
        if row is None:
            return await self._first(status.channel, status.account, status.provider_id)
        self._drive.inbox.hint([Row(row["inbox_id"], STATUS, row["inbox_id"])])
        return Accepted(row["inbox_id"], True, row["accept_time"])  # noqa: FBT003

    async def known(self, channel: Channel, account: str, provider_ids: Sequence[str]) -> set[str]:
        """Returns those of the provider ids that are in the inbox."""
        if not provider_ids:
            return set()
        rows = await self._pool.fetch(sql.KNOWN, channel, account, list(provider_ids))
        return {row["provider_id"] for row in rows}

    async def form(self, provider_id: str) -> StoredForm | None:
        """Returns a form submission or a reply by its provider id."""
        row = await self._pool.fetchrow(sql.FORM, ACCOUNT, provider_id)
        return None if row is None else _stored_form(row)

    async def replies(self, ticket_id: UUID) -> list[StoredForm]:
        """Returns the status-page replies to a ticket, oldest first, at most 200."""
        prefix = reply_prefix(ticket_id)
        rows = await self._pool.fetch(sql.REPLIES, ACCOUNT, prefix, f"{prefix}~")
        return [_stored_form(row) for row in rows]

    async def _first(self, channel: Channel, account: str, provider_id: str) -> Accepted:
        row = await self._pool.fetchrow(sql.FIRST_ROW, channel, account, provider_id)
        if row is None:
            raise LookupError("the row of a repeated event has gone")
        return Accepted(row["inbox_id"], False, row["accept_time"], row["inbox_seq"])  # noqa: FBT003

    async def _handle_of(self, message: InboundMessage) -> UUID | None:
        if message.handle is None:
            return None
        if message.assurance == "claimed":
            # Whoever may type any address must not learn from the time it takes whether it is known.
            ensured: UUID = await self._pool.fetchval(
                sql.ENSURE_CLAIMED, message.handle.type, message.handle.value
            )
            return ensured
        return await self._handle_id(message.handle)

    async def _handle_id(self, handle: Handle) -> UUID:
        cached = self._handles.get(handle)
        if cached is not None:
            self._handles.move_to_end(handle)
            return cached
        # Apart from the accepting statement: its number must be counted on a row that is already visible.
        for _ in range(2):
            handle_id: UUID | None = await self._pool.fetchval(
                sql.ENSURE_HANDLE, handle.type, handle.value
            )
            if handle_id is not None:
                break
        else:
            raise LookupError("a handle was neither there nor made")
        self._handles[handle] = handle_id
        if len(self._handles) > _CACHED_HANDLES:
            self._handles.popitem(last=False)
        return handle_id


class InboxReader:
    """Hands accepted rows out in the wire's form."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def messages(
        self, cursors: Sequence[tuple[UUID, int]], page_size: int
    ) -> tuple[list[intake_service_pb2.InboundMessage], bool]:
        """Returns the next messages of each handle in order, and whether there are more behind them."""
        rows = await self._pool.fetch(
            sql.FETCH_MESSAGES,
            [handle_id for handle_id, _ in cursors],
            [after_seq for _, after_seq in cursors],
            page_size,
            FETCH_BYTES,
        )
        messages = [
            message_from_row(
                row["content"],
                row["inbox_id"],
                row["handle_id"],
                row["inbox_seq"],
                row["accept_time"],
            )
            for row in rows
        ]
        return messages, bool(rows) and rows[0]["found"] > len(rows)

    async def statuses(self, row_ids: Sequence[UUID]) -> list[intake_service_pb2.ProviderStatus]:
        """Returns the statuses that exist."""
        rows = await self._pool.fetch(sql.FETCH_STATUSES, list(row_ids))
        return [status_from_row(r["content"], r["inbox_id"], r["accept_time"]) for r in rows]

    async def channel_configs(self) -> list[intake_service_pb2.ChannelConfig]:
        """Returns every channel's switch and limits."""
        return [
            intake_service_pb2.ChannelConfig(
                channel=channel_to_proto(Channel(row["channel"])),
                enabled=row["enabled"],
                max_response_length=row["max_response_length"],
                max_response_words=row["max_response_words"],
            )
            for row in await self._pool.fetch(sql.CHANNEL_CONFIGS)
        ]


def _stored_form(row: asyncpg.Record) -> StoredForm:
    return form_from_row(
        row["content"], row["inbox_id"], row["request_hash"] or b"", row["accept_time"]
    )
