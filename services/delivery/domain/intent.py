"""An intent: one part of an answer that is to reach a provider once, and how far it has come.

    PENDING ─▶ ATTEMPTING ─▶ SENT | REJECTED
       ▲            ├──────▶ PENDING            surely not sent
       │            ├──────▶ PARKED             must not be sent now
       │            └──────▶ UNKNOWN ─▶ SENT | NEEDS_HUMAN
       └───────── after the window, once ──┘
    PENDING ─▶ CANCELLED | PARKED | NEEDS_HUMAN        SENT ─▶ REJECTED by the provider's later word

The body is frozen when the intent is made. Which state follows which is decided in `transitions`.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NewType
from uuid import UUID

IntentId = NewType("IntentId", UUID)


class Channel(StrEnum):
    """The way by which customer and company exchange messages."""

    EMAIL = "email"
    WHATSAPP = "whatsapp"
    WEB_FORM = "web_form"


class Kind(StrEnum):
    """Why something is sent."""

    ANSWER = "answer"
    ESCALATION_NOTICE = "escalation_notice"
    APOLOGY = "apology"
    HUMAN_REPLY = "human_reply"
    WEB_NOTICE = "web_notice"
    WAIT_NOTICE = "wait_notice"


class HandleType(StrEnum):
    """The kind of the recipient's address."""

    EMAIL = "email"
    PHONE = "phone"
    WHATSAPP_USER = "whatsapp_user"


class State(StrEnum):
    """How far an intent has come."""

    PENDING = "PENDING"
    ATTEMPTING = "ATTEMPTING"
    UNKNOWN = "UNKNOWN"
    SENT = "SENT"
    REJECTED = "REJECTED"
    NEEDS_HUMAN = "NEEDS_HUMAN"
    CANCELLED = "CANCELLED"
    PARKED = "PARKED"

    @property
    def final(self) -> bool:
        """Tells whether the next number of the conversation may go."""
        return self not in _OPEN

    @property
    def outcome(self) -> str:
        """Returns the lower-case word of receipts and metric facts; empty while open."""
        return self.value.lower() if self.final else ""


_OPEN = frozenset({State.PENDING, State.ATTEMPTING, State.UNKNOWN})


@dataclass(frozen=True, slots=True)
class Letter:
    """What is sent and to whom, frozen; `thread_id` and what follows serve one channel each.

    `window_end_time` is until when WhatsApp took free text for the recipient when the intent was made.
    `mailbox` is the one of ours that a mail leaves from, empty for the first.
    """

    recipient_type: HandleType
    recipient: str
    text: str
    subject: str = ""
    html: str = ""
    thread_id: str = ""
    in_reply_to: str = ""
    references: tuple[str, ...] = ()
    status_url: str = ""
    ticket_reference: str = ""
    due_time: datetime | None = None
    window_end_time: datetime | None = None
    language: str = ""
    mailbox: str = ""


@dataclass(frozen=True, slots=True)
class Intent:
    """One part of an answer; `send_seq` is absent for a notice, which keeps no order."""

    intent_id: IntentId
    kind: Kind
    message_id: UUID
    conversation_id: UUID
    customer_id: UUID
    channel: Channel
    send_seq: int | None
    epoch: int
    last_part: bool
    letter: Letter


@dataclass(frozen=True, slots=True)
class Progress:
    """What the next decision about an intent rests on; durations are the database's.

    `readings` counts separate negative witness readings since the outcome became unknown, `prepared` says
    that the provider's saved step before the send exists.
    """

    state: State
    attempt: int = 0
    resends: int = 0
    readings: int = 0
    prepared: bool = False
    provider_id: str = ""
    provider_status: str = ""
    unknown_for: timedelta = timedelta()
    age: timedelta = timedelta()


@dataclass(frozen=True, slots=True)
class Step:
    """The state an intent goes to; it is looked at again after `wait`.

    `fetched` notes that the provider, asked, has answered for a sent message: the next part may go.
    """

    state: State
    wait: timedelta = timedelta()
    resends: int = 0
    readings: int = 0
    provider_id: str = ""
    provider_thread_id: str = ""
    provider_status: str = ""
    error: str = ""
    fetched: bool = False
