"""How a simulated customer writes and reads: by mail, WhatsApp and the support form, as real ones do."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final
from uuid import uuid4

import grpc

from cli.outside import Mail, Outside, Ticket
from evals.scenario import Channel
from fte.conversation.v1 import conversation_pb2
from fte.identity.v1 import identity_service_pb2, identity_service_pb2_grpc

_CALL_SECONDS: Final = 10.0


@dataclass(frozen=True, slots=True)
class Person:
    """Who writes: a name, and an address and a number that nobody else has."""

    name: str
    address: str
    number: str

    @property
    def senders(self) -> tuple[str, str]:
        """Returns the address and the number."""
        return self.address, self.number


@dataclass(frozen=True, slots=True)
class Received:
    """One text as the customer got it: a mail, a part of a WhatsApp answer, or a line of the status page."""

    channel: Channel
    body: str
    subject: str = ""
    in_reply_to: str = ""


@dataclass(slots=True)
class Doors:
    """One customer's ends of the three channels; remembers what was read already."""

    outside: Outside
    person: Person
    written: int = 0
    mail: Mail | None = None
    mails: set[str] = field(default_factory=set)
    _subject: str = ""
    _references: list[str] = field(default_factory=list)
    _ticket: Ticket | None = None
    _mails_seen: int = 0
    _parts_seen: int = 0
    _lines_seen: int = 0

    async def look(self) -> None:
        """Skips what was sent before this customer came."""
        self._mails_seen = len(await self.outside.mails_sent())
        self._parts_seen = len(await self.outside.whatsapps_sent())

    async def write_mail(self, subject: str | None, text: str) -> None:
        """Writes a mail: with a subject a new thread, without one a reply to the last."""
        headers = {}
        if subject is not None or self.mail is None:
            self._subject, self._references = subject or "", []
        else:
            subject = f"Re: {self._subject}"
            headers = {
                "In-Reply-To": self.mail.message_id,
                "References": " ".join(self._references),
            }
        sender = f"{self.person.name} <{self.person.address}>"
        self.mail = await self.outside.write_mail(sender, subject or "", text, headers)
        self.mails.add(self.mail.message_id)
        self._references.append(self.mail.message_id)
        self.written += 1

    async def write_whatsapp(self, text: str) -> None:
        """Writes a WhatsApp message."""
        await self.outside.write_whatsapp(self.person.number, text, self.person.name)
        self.written += 1

    async def write_form(
        self, subject: str | None, text: str, category: str, priority: str
    ) -> None:
        """Fills in the support form, or replies on its status page if there is one and no subject is given."""
        if subject is None and self._ticket is not None:
            await self._reply(self._ticket, text)
        else:
            form = {
                "name": self.person.name,
                "email": self.person.address,
                "subject": subject or "A question",
                "message": text,
                "category": category,
                "priority": priority,
            }
            self._ticket, self._lines_seen = await self.outside.submit(form), 0
        self.written += 1

    async def _reply(self, ticket: Ticket, text: str) -> None:
        answer = await self.outside.http.post(
            f"{ticket.address}/reply",
            json={"message": text},
            headers={"Authorization": f"Bearer {ticket.token}"},
        )
        answer.raise_for_status()

    async def read(self) -> Sequence[Received]:
        """Returns what came since the last time, on every channel."""
        found: list[Received] = []
        mails = await self.outside.mails_sent(self._mails_seen)
        self._mails_seen += len(mails)
        found += [
            Received(Channel.EMAIL, mail.body, mail.subject, mail.in_reply_to)
            for mail in mails
            if self.person.address in mail.to
        ]
        parts = await self.outside.whatsapps_sent(self._parts_seen)
        self._parts_seen += len(parts)
        found += [
            Received(Channel.WHATSAPP, part.body) for part in parts if part.to == self.person.number
        ]
        if self._ticket is not None:
            lines = await self.outside.status_page(self._ticket)
            fresh, self._lines_seen = lines[self._lines_seen :], len(lines)
            found += [
                Received(Channel.WEB_FORM, line.text) for line in fresh if line.role != "customer"
            ]
        return found


async def link(settings: "dict[str, str]", people: Sequence[Person]) -> None:
    """Tells identity, as a trusted service may, that each person's address and number are one person's.

    Raises:
        grpc.aio.AioRpcError: if identity does not answer or refuses.
    """
    handle = conversation_pb2.Handle
    metadata = (("x-api-key", settings["FTE_API_KEY"]),)
    async with grpc.aio.insecure_channel(settings["FTE_IDENTITY_GRPC"]) as channel:
        stub = identity_service_pb2_grpc.IdentityServiceStub(channel)
        for person in people:
            address = handle(type=conversation_pb2.HANDLE_TYPE_EMAIL, value=person.address)
            number = handle(type=conversation_pb2.HANDLE_TYPE_PHONE, value=person.number)
            known = identity_service_pb2.ResolveHandle(
                handle=address, assurance=conversation_pb2.ASSURANCE_VERIFIED
            )
            await stub.Resolve(
                identity_service_pb2.ResolveRequest(handles=[known]),
                timeout=_CALL_SECONDS,
                metadata=metadata,
            )
            await stub.Link(
                identity_service_pb2.LinkRequest(
                    known=address,
                    added=number,
                    evidence="evaluation: one person on two channels",
                    request_id=str(uuid4()),
                ),
                timeout=_CALL_SECONDS,
                metadata=metadata,
            )
