"""Who may speak to a customer: a person takes over, replies and hands back, each in one short transaction."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TypeAlias
from uuid import UUID, uuid4, uuid5

from services.agent.application.heads import HeadRow, HeadStore, HeadTransaction
from services.agent.application.turns import (
    Commit,
    LimitsOf,
    TurnTimes,
    new_turn,
    read_state,
    routed,
)
from services.agent.domain.conversation import State, evolve_all
from services.agent.domain.decisions import Clock, decide_reply
from services.agent.domain.events import Event, HandedBack, TakenOver
from services.agent.domain.phrases import PhraseBook
from services.agent.domain.turn import (
    ConversationId,
    CustomerId,
    InboundText,
    MessageId,
    Owner,
    Side,
    Turn,
)

# Makes the id of a reply from its request's, so that a repeat finds it.
_REPLIES = UUID("5b0f1d0e-5f0a-5f43-8a4b-6d2f6d1c9f77")


class Refusal(StrEnum):
    """Why a person may not do that."""

    OWNED_BY_ANOTHER = "owned_by_another"
    NOT_OWNED = "not_owned"
    NOBODY_WROTE = "nobody_wrote"
    REQUEST_ID_USED = "request_id_used"


@dataclass(frozen=True, slots=True)
class Taken:
    """A takeover that is committed: nothing below `epoch` may be sent in `fences`, once delivery knows of it."""

    epoch: int
    fences: tuple[ConversationId, ...]
    commit: Commit | None


@dataclass(frozen=True, slots=True)
class Replied:
    """A reply that is committed; a repeat has no commit of its own."""

    message_id: MessageId
    commit: Commit | None


@dataclass(frozen=True, slots=True)
class Returned:
    """A customer who is the AI's again."""

    epoch: int
    commit: Commit


TakeOver: TypeAlias = Taken | Refusal
Reply: TypeAlias = Replied | Refusal
HandBack: TypeAlias = Returned | Refusal


class Ownership:
    """Changes who owns a side of a customer; every change moves version and epoch, so that open turns are void."""

    def __init__(
        self,
        heads: HeadStore,
        times: TurnTimes,
        limits: LimitsOf,
        phrases: PhraseBook,
        new_id: Callable[[], UUID] = uuid4,
    ) -> None:
        self._heads = heads
        self._times = times
        self._limits = limits
        self._phrases = phrases
        self._new_id = new_id

    async def take_over(
        self, customer_id: CustomerId, side: Side, person: str, cached: State | None
    ) -> TakeOver:
        """Gives the customer to a person; the same person may ask again and is told the same."""
        async with self._heads.transaction(customer_id, side) as transaction:
            head = await transaction.lock()
            if head is None:
                return Refusal.NOBODY_WROTE
            if head.owner is Owner.HUMAN:
                if head.owner_name != person:
                    return Refusal.OWNED_BY_ANOTHER
                return Taken(head.epoch, await transaction.fences(head.epoch), None)
            state = await read_state(transaction, head, cached)
            turn = self._turn(head, state, ())
            event = TakenOver(person, turn.epoch, head.now)
            commit = await self._change(transaction, turn, state, event, Owner.HUMAN, person)
            return Taken(turn.epoch, await transaction.raise_fences(turn.epoch), commit)

    async def hand_back(
        self, customer_id: CustomerId, side: Side, person: str, note: str, cached: State | None
    ) -> HandBack:
        """Gives the customer back to the AI, with a note and a fresh budget of turns."""
        async with self._heads.transaction(customer_id, side) as transaction:
            head = await transaction.lock()
            if head is None or head.owner is not Owner.HUMAN or head.owner_name != person:
                return Refusal.NOT_OWNED
            state = await read_state(transaction, head, cached)
            turn = self._turn(head, state, ())
            note_id = MessageId(self._new_id())
            event = HandedBack(person, note, note_id, turn.epoch, head.now)
            commit = await self._change(transaction, turn, state, event, Owner.AI, "")
            return Returned(turn.epoch, commit)

    async def reply(
        self,
        customer_id: CustomerId,
        side: Side,
        person: str,
        text: str,
        request_id: UUID,
        cached: State | None,
    ) -> Reply:
        """Sends a person's words to the handle and on the channel of the customer's newest message.

        Where that is WhatsApp and its window has closed, they go by mail if the customer ever wrote one.
        """
        message_id = MessageId(uuid5(_REPLIES, f"{customer_id}/{side}/{request_id}"))
        async with self._heads.transaction(customer_id, side) as transaction:
            head = await transaction.lock()
            said = await transaction.response(message_id)
            if said is not None:
                return Replied(message_id, None) if said == text else Refusal.REQUEST_ID_USED
            if head is None or head.owner is not Owner.HUMAN or head.owner_name != person:
                return Refusal.NOT_OWNED
            newest = await transaction.last_inbound()
            if newest is None:
                return Refusal.NOBODY_WROTE
            state = await read_state(transaction, head, cached)
            # The person speaks under the epoch that the takeover began.
            turn = replace(self._turn(head, state, (newest,)), epoch=head.epoch)
            turn = await routed(transaction, turn, head.now)
            events = decide_reply(
                state, turn, person, text, message_id, self._limits(turn.answered.channel),
                self._phrases.of(state.language), Clock(head.now, self._new_id),
            )  # fmt: skip
            return Replied(message_id, await self._commit(transaction, turn, state, events))

    def _turn(self, head: HeadRow, state: State, batch: tuple[InboundText, ...]) -> Turn:
        turn = new_turn(head, state, batch, self._new_id)
        # A conversation that went cold stays the one that the person has open.
        conversation_id = state.conversation_id or turn.conversation_id
        return replace(
            turn, epoch=head.epoch + 1, conversation_id=conversation_id, new_conversation=False
        )

    async def _change(
        self,
        transaction: HeadTransaction,
        turn: Turn,
        state: State,
        event: TakenOver | HandedBack,
        owner: Owner,
        person: str,
    ) -> Commit:
        await transaction.own(turn, owner, person)
        return await self._commit(transaction, turn, state, [event])

    async def _commit(
        self, transaction: HeadTransaction, turn: Turn, state: State, events: list[Event]
    ) -> Commit:
        version = state.version + 1
        hints = await transaction.write(turn, version, events, "committed")
        times = self._times
        await transaction.recompute_due(times.quiet, times.burst, times.pace)
        return Commit(evolve_all(state, events, version), "with_human", hints)
