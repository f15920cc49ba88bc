"""What delivery needs of the world: a store of intents, providers, the rows' owners, a way to answer."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Protocol, TypeAlias
from uuid import UUID

from services.delivery.domain.breaker import USUAL, Phase, Tolerance
from services.delivery.domain.intent import (
    Channel,
    Intent,
    IntentId,
    Progress,
    State,
    Step,
)
from services.delivery.domain.outcomes import (
    Barred,
    Dark,
    NotSent,
    Outcome,
    Rejected,
    Shown,
    Sighting,
)

_NO_TIME = datetime.max.replace(tzinfo=UTC)


class ContentAway(Exception):
    """The owner of the content does not answer."""


class StoreAway(Exception):
    """The database does not answer; nothing was changed that is known of."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """The answer to one outbox row: stored while `state` is open, else settled with its word.

    `detail` tells people in plain words why it was not sent.
    A mail's receipt comes again once its Message-ID was read back.
    """

    row_id: UUID
    state: State
    provider_id: str = ""
    thread_id: str = ""
    internet_message_id: str = ""
    detail: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Template:
    """An approved template in the place of a text: its id at the provider, and what fills its places."""

    content_sid: str
    variables: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Attempt:
    """A claimed intent: ATTEMPTING is committed, and until `seconds` after the claim it may be sent.

    `claim_time` is the database's, and without one every window counts as shut; with a `template` that is sent
    instead of the text.
    """

    intent: Intent
    number: int
    seconds: float
    draft_id: str = ""
    claim_time: datetime = field(default=_NO_TIME, compare=False)
    template: Template | None = None


@dataclass(frozen=True, slots=True)
class Claimed:
    """What one claim took: attempts to make, and intents that were cancelled or parked on the way."""

    attempts: tuple[Attempt, ...] = ()
    cancelled: tuple[Receipt, ...] = ()


@dataclass(frozen=True, slots=True)
class Doubt:
    """An intent whose outcome is unknown, with what its witnesses need; times are the database's."""

    intent: Intent
    draft_id: str
    thread_id: str
    first_attempt_time: datetime


@dataclass(frozen=True, slots=True)
class Unconfirmed:
    """A sent intent of which no status came, and the intent that waits for it."""

    intent: Intent
    provider_id: str
    follower_id: IntentId


@dataclass(frozen=True, slots=True)
class Prepared:
    """The provider's saved step before the send; empty where a provider has none."""

    draft_id: str = ""
    thread_id: str = ""


@dataclass(frozen=True, slots=True)
class AttemptEnd:
    """How an attempt ended, for the audit: sent, rejected, not_sent, refused or unknown."""

    number: int
    outcome: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Status:
    """What a provider says of one message after it took it; `intent_id` if it carried ours."""

    row_id: UUID
    channel: Channel
    provider_id: str
    status: str
    error_code: str = ""
    intent_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Wish:
    """A recipient's word on one channel that nothing more is wanted, or is again; `time` is when it was accepted."""

    channel: Channel
    recipient: str
    stopped: bool
    time: datetime


@dataclass(frozen=True, slots=True)
class Reported:
    """What intake has taken in under some rows: statuses of messages, and wishes, with the ids of all."""

    row_ids: tuple[UUID, ...]
    statuses: tuple[Status, ...] = ()
    wishes: tuple[Wish, ...] = ()


@dataclass(frozen=True, slots=True)
class Applied:
    """How many statuses found their intents, receipts of what became final, ids of second copies by intent."""

    count: int = 0
    receipts: tuple[Receipt, ...] = ()
    second_copies: tuple[tuple[UUID, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Raised:
    """What stood below a raised fence."""

    cancelled: tuple[Receipt, ...]
    in_flight: int


Decide: TypeAlias = Callable[[Progress], Step | None]
DecideStatus: TypeAlias = Callable[[Progress, Status], Step | None]


class Provider(Protocol):
    """Takes messages of one channel and can be asked what became of one."""

    @property
    def name(self) -> str:
        """The provider's name in logs."""

    @property
    def needs_preparation(self) -> bool:
        """Whether a send needs a saved step first; an attempt without it has surely not sent."""

    async def prepare(self, attempt: Attempt) -> Prepared | NotSent | Rejected:
        """Makes the saved step; repeating it is harmless."""

    async def send(self, attempt: Attempt, seconds: float) -> Outcome:
        """Makes exactly one sending request that ends within `seconds`."""

    async def witness(self, doubt: Doubt) -> Sighting:
        """Looks for traces of an intent whose outcome is unknown."""

    async def status(self, provider_id: str) -> Shown | Dark:
        """Asks how far a message is that the provider took; only WhatsApp is ever asked."""

    async def answers(self) -> bool:
        """Tells, by a harmless reading, whether the provider can be reached: any answer but a 5xx."""


class Gate(Protocol):
    """What stands between a claimed intent and its provider: a rule that time or the recipient changes."""

    async def admit(self, attempt: Attempt) -> Attempt | Barred | NotSent:
        """Returns the attempt as it may be made, or why it may not; `NotSent` if nobody could tell just now."""


class IntentStore(Protocol):
    """The intent ledger. Every method is one short transaction and raises `StoreAway`."""

    async def receipts(self, row_ids: Sequence[UUID]) -> dict[UUID, Receipt]:
        """Returns the newest receipt of each row that is known."""

    async def recent_receipts(self, seconds: float) -> list[Receipt]:
        """Returns the receipts of what became final within the last seconds, at most 1,000."""

    async def insert(self, intents: Sequence[tuple[Intent, str]]) -> None:
        """Takes intents over; one with a reason beside it is stored as CANCELLED, a known one stays."""

    async def claim(self, room: Mapping[Channel, int], worker: str, seconds: float) -> Claimed:
        """Commits ATTEMPTING for intents that may go now, in order and above their fence.

        To a recipient who wants nothing more nothing goes: what was made before the wish is cancelled, what came
        after it, or from a person, is parked.
        """

    async def overdue(self, channel: Channel, seconds: float, limit: int) -> Sequence[IntentId]:
        """Returns intents older than `seconds` that `claim` could take now, if there were room."""

    async def save_preparation(self, attempt: Attempt, prepared: Prepared) -> bool:
        """Keeps the saved step; false if the attempt is not ours any more."""

    async def change(
        self,
        intent_id: IntentId,
        decide: Decide,
        *,
        end: AttemptEnd | None = None,
        notice: Intent | None = None,
    ) -> Receipt | None:
        """Applies a decision under the row's lock; returns the receipt of an intent that became final.

        When it became SENT, `notice` is added unless its address had one today.
        """

    async def doubts(self, limit: int, hold_seconds: float) -> Sequence[Doubt]:
        """Claims unknown intents whose witness is due, by moving their next look."""

    async def unconfirmed(self, limit: int, hold_seconds: float) -> Sequence[Unconfirmed]:
        """Claims sent WhatsApp intents without a telling status that hold a pending follower for too long.

        Telling are *sent*, *delivered*, *read*, or a step with `fetched`. Moves their next look, as `doubts` does.
        """

    async def known_elsewhere(self, channel: Channel, provider_ids: Sequence[str]) -> set[str]:
        """Returns those of the provider ids that other intents already have."""

    async def orphans(self, worker: str | None) -> Sequence[tuple[IntentId, Channel]]:
        """Returns attempts past their deadline; with a worker's name all of its attempts."""

    async def add_statuses(self, statuses: Sequence[Status]) -> None:
        """Takes statuses over; a repeat changes nothing."""

    async def note_wishes(self, wishes: Sequence[Wish]) -> None:
        """Keeps the newest wish of each recipient; an older one changes nothing."""

    async def apply_statuses(self, decide: DecideStatus, limit: int) -> Applied:
        """Applies waiting statuses to their intents; those without one keep waiting."""

    async def raise_fence(self, conversation_id: UUID, min_epoch: int) -> Raised:
        """Raises a conversation's fence, never lowers it, and cancels what waits below it."""

    async def note_health(self, channel: Channel, phase: Phase) -> None:
        """Records a metric fact about a provider's breaker."""


@dataclass(frozen=True, slots=True)
class Unnamed:
    """A sent mail whose Message-ID was not read back yet."""

    intent: Intent
    provider_id: str


class SentMails(Protocol):
    """The mails among the intents, by what they are known by; every method raises `StoreAway`."""

    async def unnamed(self, limit: int, hold_seconds: float) -> Sequence[Unnamed]:
        """Claims mails sent within the last day without a Message-ID, by moving their next look."""

    async def name(self, intent_id: IntentId, internet_message_id: str) -> Receipt | None:
        """Keeps the Message-ID of a mail, empty if it cannot be had any more; returns its receipt."""

    async def found(
        self, provider_id: str, internet_message_id: str, intent_id: UUID | None
    ) -> bool:
        """Tells whether one of the ids is of a mail that we sent or are sending; empty ones are nobody's."""


class MailProvider(Protocol):
    """A provider of mails that can be asked what a mail was named."""

    async def internet_message_id(self, mail: Unnamed) -> str | None:
        """Returns the Message-ID that a sent mail got, empty if the mail is gone; None if it cannot be read now."""


class OutboundSource(Protocol):
    """The agent, who owns the content of outbox rows."""

    async def fetch(self, row_ids: Sequence[UUID]) -> Sequence[tuple[Intent, str]]:
        """Returns intents with a reason if the content is unusable; unknown rows are left out."""

    async def window_end(self, row_id: UUID) -> datetime | None:
        """Returns until when free text may go to the row's recipient, as of now; None if nobody knows.

        Raises:
            ContentAway: if the agent does not answer.
        """


class StatusSource(Protocol):
    """Intake, who owns provider statuses until they are taken over."""

    async def fetch(self, row_ids: Sequence[UUID]) -> Reported:
        """Returns the statuses and wishes that exist."""


class Answers(Protocol):
    """The way back to a row's owner; an answer that gets lost is asked for again."""

    def delivered(self, receipts: Sequence[Receipt]) -> None:
        """Answers outbox rows."""

    def statuses_settled(self, row_ids: Sequence[UUID]) -> None:
        """Answers provider statuses."""


@dataclass(frozen=True, slots=True)
class Patience:
    """Times of the sending loop, in seconds, and when it holds a provider for dark."""

    attempt_seconds: float
    send_seconds: float
    poll_seconds: float
    at_once: int
    tolerance: Tolerance = USUAL
