"""Taking a form or a status-page reply in: the same key gives the same answer, another body is a conflict."""

import hashlib
from dataclasses import dataclass, field, replace
from uuid import UUID

from services.intake.application.forms import Form
from services.intake.application.messages import (
    Assurance,
    Channel,
    FormAction,
    Handle,
    HandleType,
    InboundMessage,
    StoredForm,
    WebFormFacts,
)
from services.intake.application.ports import Inbox
from services.intake.application.tickets import TicketLinks, reference

ACCOUNT = "support"


class KeyReusedError(Exception):
    """One idempotency key came with two different bodies."""


class UnknownTicketError(Exception):
    """No form was given this ticket id."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """What the customer is given."""

    ticket_id: UUID
    reference: str
    status_url: str = field(repr=False)
    message_id: UUID


class Submissions:
    """Files forms and replies with the address that their senders claim."""

    def __init__(self, inbox: Inbox, links: TicketLinks) -> None:
        self._inbox = inbox
        self._links = links

    async def submit(self, form: Form, raw: bytes, idempotency_key: str) -> Receipt:
        """Takes a form in and returns what its sender is given.

        Raises:
            KeyReusedError: if the key came with other fields before.

        """
        ticket_id = self._links.ticket_id(idempotency_key)
        facts = WebFormFacts(
            ticket_id=ticket_id,
            reference=reference(ticket_id),
            category=form.category,
            priority=form.priority,
            status_url=self._links.status_url(ticket_id),
        )
        message = InboundMessage(
            channel=Channel.WEB_FORM,
            account=ACCOUNT,
            # The ticket id is the row's identity, so that the status page finds it.
            provider_id=str(ticket_id),
            handle=Handle(HandleType.EMAIL, form.email),
            assurance=Assurance.CLAIMED,
            raw=raw,
            sender_name=form.name,
            subject=form.subject,
            body=form.message,
            web_form=facts,
            request_hash=form.fingerprint(),
        )
        return await self._file(message, facts)

    async def reply(
        self,
        ticket_id: UUID,
        text: str,
        raw: bytes,
        idempotency_key: str,
        action: FormAction | None = None,
    ) -> Receipt:
        """Takes a reply or an action from the status page in, on the side and with the address of the form.

        Raises:
            UnknownTicketError: if no form has this ticket id.
            KeyReusedError: if the key came with another text before.

        """
        first = await self._inbox.form(str(ticket_id))
        if first is None:
            raise UnknownTicketError
        message = InboundMessage(
            channel=Channel.WEB_FORM,
            account=ACCOUNT,
            provider_id=self._links.reply_id(ticket_id, idempotency_key),
            handle=first.handle,
            assurance=Assurance.CLAIMED,
            raw=raw,
            sender_name=first.sender_name,
            subject=first.subject,
            body=text,
            web_form=replace(first.facts, action=action),
            request_hash=_reply_hash(text, action),
        )
        return await self._file(message, first.facts)

    async def received(self, ticket_id: UUID) -> list[StoredForm]:
        """Returns the form and the replies to a ticket as the inbox holds them, oldest first."""
        first = await self._inbox.form(str(ticket_id))
        if first is None:
            return []
        return [first, *await self._inbox.replies(ticket_id)]

    async def _file(self, message: InboundMessage, facts: WebFormFacts) -> Receipt:
        accepted = await self._inbox.accept(message)
        if not accepted.is_new:
            stored = await self._inbox.form(message.provider_id)
            if stored is not None and stored.request_hash != message.request_hash:
                raise KeyReusedError
        return Receipt(facts.ticket_id, facts.reference, facts.status_url, accepted.inbox_id)


def _reply_hash(text: str, action: FormAction | None) -> bytes:
    return hashlib.sha256((f"{action}\0{text}" if action else text).encode()).digest()
