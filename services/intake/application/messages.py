"""The values of intake: what comes in, from whom, and what accepting it gave."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from uuid import UUID


class Channel(StrEnum):
    """The way by which a message came."""

    EMAIL = "email"
    WHATSAPP = "whatsapp"
    WEB_FORM = "web_form"


class HandleType(StrEnum):
    """The kind of address by which a customer can be recognised."""

    EMAIL = "email"
    PHONE = "phone"
    WHATSAPP_USER = "whatsapp_user"


class Assurance(StrEnum):
    """How far the sender of one message is proved."""

    VERIFIED = "verified"
    CLAIMED = "claimed"


class SuppressReason(StrEnum):
    """Why no turn is made of a message; it is kept all the same."""

    OWN_MESSAGE = "own_message"
    BOUNCE = "bounce"
    AUTO_REPLY = "auto_reply"
    MAILING_LIST = "mailing_list"
    NO_REPLY = "no_reply"
    NO_SENDER = "no_sender"
    LOOP = "loop"
    OPT_OUT = "opt_out"
    OPT_IN = "opt_in"
    ANSWERED_BY_PROVIDER = "answered_by_provider"


class MediaProblem(StrEnum):
    """Why nobody here can open an attachment."""

    UNSUPPORTED = "unsupported"
    TOO_LARGE = "too_large"


class FormAction(StrEnum):
    """What a customer does on the status page beside writing."""

    PERSON = "person"
    SOLVED = "solved"
    REOPEN = "reopen"


@dataclass(frozen=True, slots=True)
class Handle:
    """One typed, normalised address."""

    type: HandleType
    value: str


@dataclass(frozen=True, slots=True)
class MediaRef:
    """An attachment that stays at the provider; without an address only its kind ever arrived."""

    url: str
    content_type: str
    problem: MediaProblem | None = None


@dataclass(frozen=True, slots=True)
class AttachedFile:
    """What is attached to a mail, by name, type and size in bytes; the content stays in the raw mail."""

    name: str = field(repr=False)
    content_type: str
    size: int


@dataclass(frozen=True, slots=True)
class EmailFacts:
    """What a reply in the same thread needs, and what is attached; the ids keep their angle brackets.

    `mailbox` is the one of ours that the mail came to: the reply leaves from it. `has_hidden_text` says that a part of
    the mail was made invisible to people and left out.
    """

    provider_message_id: str
    thread_id: str
    internet_message_id: str = ""
    references: tuple[str, ...] = ()
    mailbox: str = ""
    in_reply_to: tuple[str, ...] = ()
    attachments: tuple[AttachedFile, ...] = ()
    has_hidden_text: bool = False


@dataclass(frozen=True, slots=True)
class WhatsAppFacts:
    """What Twilio says of a message beside its text; `user_id` is the sender's beside a number, empty if none."""

    message_sid: str
    media: tuple[MediaRef, ...] = ()
    user_id: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class WebFormFacts:
    """What the form asks beside the message, and what its sender was given."""

    ticket_id: UUID
    reference: str
    category: str
    priority: str
    status_url: str
    action: FormAction | None = None


@dataclass(frozen=True, slots=True)
class InboundMessage:
    """One message as the inbox takes it; (channel, account, provider_id) is its identity.

    `raw` is the event as it came. `request_hash` tells a repeat from another body under one key.
    Without a handle a message must be suppressed. One that is `unreadable` goes to a person as it is.
    """

    channel: Channel
    account: str
    provider_id: str
    handle: Handle | None
    assurance: Assurance
    raw: bytes = field(repr=False)
    sender_name: str = field(default="", repr=False)
    subject: str = field(default="", repr=False)
    body: str = field(default="", repr=False)
    email: EmailFacts | None = None
    whatsapp: WhatsAppFacts | None = None
    web_form: WebFormFacts | None = field(default=None, repr=False)
    suppress_reason: SuppressReason | None = None
    request_hash: bytes = b""
    unreadable: bool = False

    def __post_init__(self) -> None:
        if self.handle is None and self.suppress_reason is None:
            raise ValueError("a message without a handle cannot be worked on")


@dataclass(frozen=True, slots=True)
class ProviderStatus:
    """What a provider says of one of our messages; the pair (message, status) is its identity.

    With a `handle` it is that customer's own wish: *opted_out* or *opted_in*, said in the message named.
    """

    channel: Channel
    account: str
    message_id: str
    status: str
    intent_id: str
    error_code: str
    raw: bytes = field(repr=False)
    handle: Handle | None = None

    @property
    def provider_id(self) -> str:
        """The identity of this status in the inbox."""
        return f"{self.message_id}:{self.status}"


@dataclass(frozen=True, slots=True)
class Accepted:
    """The inbox row of an event. `inbox_seq` is 0 for a suppressed message or a status."""

    inbox_id: UUID
    is_new: bool
    accept_time: datetime
    inbox_seq: int = 0


@dataclass(frozen=True, slots=True)
class StoredForm:
    """A form submission or status-page reply as the inbox holds it."""

    inbox_id: UUID
    request_hash: bytes
    handle: Handle
    sender_name: str = field(repr=False)
    subject: str = field(repr=False)
    body: str = field(repr=False)
    facts: WebFormFacts = field(repr=False)
    accept_time: datetime
