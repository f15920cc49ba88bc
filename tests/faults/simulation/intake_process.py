"""An intake of a world: webhooks, forms and the mailbox into the inbox, and the inbox's ledger."""

import asyncio
from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from chassis.ledger import Ledger
from fte.conversation.v1 import receipts_pb2
from services.intake.adapters import events
from services.intake.adapters.grpc_service import IntakeServicer
from services.intake.adapters.mail_loop import MailLoop
from services.intake.application.forms import read_form
from services.intake.application.mail_reading import MailReading
from services.intake.application.mail_taking import MailTaking
from services.intake.application.submissions import Receipt, Submissions
from services.intake.application.tickets import TicketLinks
from services.intake.application.whatsapp import read_message, read_status, read_wish
from tests.fakes.mail import InlineMailReader
from tests.faults.simulation.memory_inbox import MemoryInbox, MemoryInboxReader
from tests.faults.simulation.memory_ledger import MemoryLedgerRows
from tests.faults.simulation.memory_mail import (
    MemoryMailbox,
    MemoryMailCursors,
    NoSentMail,
)
from tests.faults.simulation.memory_traffic import MemoryMailTraffic

if TYPE_CHECKING:
    from tests.faults.simulation.process import Process
    from tests.faults.simulation.world import World

OUR_NUMBER = "+14155238886"
OUR_ADDRESS = "support@example.com"
# Twilio's push of a mail may be lost; the mailbox is looked at without any as well.
MAIL_POLL = timedelta(seconds=20)


class IntakeProcess:
    """What one incarnation of intake has in memory; `run` is its root task."""

    def __init__(self, world: "World", process: "Process") -> None:
        io, publisher = world.io, events.Publisher(world.sidecar)
        self._world = world
        self._process = process
        rows = MemoryLedgerRows(world.inbox.ledger, io)
        self._ledger = Ledger(rows, publisher.drive, sweep_seconds=world.sweep_seconds)
        self._store = MemoryInbox(world.inbox, io, self._ledger.hint)
        self._forms = Submissions(self._store, TicketLinks("https://support.example.com", "s"))
        self.servicer = IntakeServicer(MemoryInboxReader(world.inbox, io))
        reading = MailReading(
            OUR_ADDRESS,
            MemoryMailbox(world.mailbox, io, world.now),
            MemoryMailCursors(world.mail_cursor, io, world.now, process.name),
            self._store,
            NoSentMail(),
            MailTaking(
                OUR_ADDRESS,
                InlineMailReader(),
                MemoryMailTraffic(world.mail_arrivals, io, world.now),
            ),
        )
        self.mail = MailLoop(reading, MAIL_POLL)
        self._receipts = events.ReceiptsHandler(self._ledger)

    async def run(self) -> None:
        """Serves until the process dies."""
        subscribe = self._world.subscribe
        subscribe("intake", events.SETTLED, self._process, self._settled)
        subscribe("intake", events.STATUS_SETTLED, self._process, self._settled)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._ledger.run())
            tasks.create_task(self.mail.run())

    async def whatsapp(self, fields: Mapping[str, str]) -> None:
        """Takes a signed webhook; when it returns, Twilio is told 200."""
        raw = urlencode(fields).encode()
        wish = read_wish(fields, raw)
        if wish is not None:
            await self._store.accept_status(wish)
        await self._store.accept(read_message(fields, raw, OUR_NUMBER))

    async def status(self, fields: Mapping[str, str], intent_id: str) -> None:
        """Takes a status callback, whose address carried our intent's id."""
        raw = urlencode(fields).encode()
        await self._store.accept_status(read_status(fields, intent_id, raw))

    async def form(self, fields: Mapping[str, object], key: str) -> Receipt:
        """Takes a form under an idempotency key; when it returns, the customer is told 201."""
        return await self._forms.submit(read_form(fields), repr(fields).encode(), key)

    async def pushed(self) -> None:
        """Takes a push notification of the mailbox, which is only a hint."""
        self.mail.wake()

    async def _settled(self, event: bytes) -> None:
        await self._receipts.handle(receipts_pb2.ReceiptsIssued.FromString(event))
