"""What becomes of one mail: read apart from everything else, then a message for a turn, for a person, or for nobody."""

from dataclasses import replace

from services.intake.application.mail import Mail, read_head
from services.intake.application.mail_kinds import suppress_reason
from services.intake.application.messages import (
    Assurance,
    AttachedFile,
    Channel,
    EmailFacts,
    Handle,
    HandleType,
    InboundMessage,
    SuppressReason,
)
from services.intake.application.ports import (
    FetchedMail,
    MailReader,
    MailTraffic,
    UnreadableMailError,
)
from services.intake.domain.loops import Arrival, loop_of, print_of

_TYPE_CHARACTERS = 200


class MailTaking:
    """Makes messages of the mails of one mailbox."""

    def __init__(self, address: str, reader: MailReader, traffic: MailTraffic) -> None:
        self._address = address
        self._reader = reader
        self._traffic = traffic

    async def read(self, fetched: FetchedMail) -> tuple[InboundMessage, Mail]:
        """Makes a message of a mail; one that cannot be read, or whose sender cannot be told, is for a person."""
        try:
            mail = await self._reader.read(fetched.raw)
        except UnreadableMailError as error:
            mail = read_head(fetched.raw, str(error))
            return to_unreadable(fetched, mail, self._address), mail
        message = to_message(fetched, mail, self._address)
        if message.suppress_reason is SuppressReason.NO_SENDER:
            message = to_unreadable(fetched, mail, self._address)
        return message, mail

    async def unless_looping(self, message: InboundMessage) -> InboundMessage:
        """Lets a mail through unless it seems to be one of a conversation of machines."""
        if message.suppress_reason is not None or message.handle is None:
            return message
        facts = message.email or EmailFacts(message.provider_id, "")
        arrival = Arrival(
            mailbox=self._address,
            provider_id=message.provider_id,
            sender=message.handle.value,
            thread_id=facts.thread_id,
            answers=bool(facts.references) or message.subject.lower().startswith("re:"),
            print_of=print_of(message.body),
        )
        if loop_of(arrival, await self._traffic.note(arrival)) is None:
            return message
        return replace(message, suppress_reason=SuppressReason.LOOP)


def to_message(fetched: FetchedMail, mail: Mail, our_address: str) -> InboundMessage:
    """Makes the inbox's message of a mail."""
    reason = suppress_reason(mail, fetched.labels, our_address)
    handle = Handle(HandleType.EMAIL, mail.sender) if mail.sender else None
    return InboundMessage(
        channel=Channel.EMAIL,
        account=our_address,
        provider_id=fetched.message_id,
        handle=handle,
        assurance=Assurance.VERIFIED if mail.dmarc_passed else Assurance.CLAIMED,
        raw=fetched.raw,
        sender_name=mail.sender_name,
        subject=mail.subject,
        body=mail.text,
        email=EmailFacts(
            provider_message_id=fetched.message_id,
            thread_id=fetched.thread_id,
            internet_message_id=mail.message_id,
            references=mail.references,
            mailbox=our_address,
            in_reply_to=mail.in_reply_to,
            attachments=tuple(
                AttachedFile(one.name, one.content_type[:_TYPE_CHARACTERS], one.size)
                for one in mail.attachments
            ),
            has_hidden_text=bool(mail.hidden),
        ),
        suppress_reason=reason,
    )


def to_unreadable(fetched: FetchedMail, mail: Mail, our_address: str) -> InboundMessage:
    """Makes a message for a person of a mail that could not be read, or whose sender cannot be told.

    Without a sender it is filed under our own address, to which nobody else answers.
    """
    message = to_message(fetched, mail, our_address)
    if message.suppress_reason not in (None, SuppressReason.NO_SENDER):
        return message
    handle = message.handle or Handle(HandleType.EMAIL, our_address)
    return replace(message, handle=handle, suppress_reason=None, unreadable=True)
