"""Begins and commits turns. Here it is decided who may begin, and whether a commit still counts."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from services.agent.application.heads import HeadRow, HeadStore, HeadTransaction, Hint
from services.agent.domain.conversation import State, evolve_all
from services.agent.domain.decisions import (
    BEGINS,
    Clock,
    decide_answer,
    decide_failure,
    decide_marked,
    decide_wait_notice,
    decide_with_human,
)
from services.agent.domain.events import Event, MessagesTaken
from services.agent.domain.flood import MOST_TOGETHER, PACE, is_told, wants_notice
from services.agent.domain.formatting import Limits
from services.agent.domain.language import LONGEST_READ, recognise
from services.agent.domain.phrases import PhraseBook
from services.agent.domain.topics import mail_subject, topic
from services.agent.domain.turn import (
    DEFAULT_LANGUAGE,
    Channel,
    ConversationId,
    CustomerId,
    FormAction,
    InboundText,
    MessageId,
    Owner,
    Side,
    TicketId,
    Turn,
    TurnAnswer,
    TurnId,
)
from services.agent.domain.window import is_open

# A lease outlives two missed renewals of one second each.
LEASE = timedelta(seconds=3)
MAX_BATCH = 20
_MARKS = frozenset({FormAction.SOLVED, FormAction.REOPEN})

LimitsOf = Callable[[Channel], Limits]


@dataclass(frozen=True, slots=True)
class TurnTimes:
    """How long things may take: bursts on WhatsApp, turns by channel, the wait after a failure, the lease.

    `pace` is how many messages of one customer are worked on in a minute as they come.
    """

    quiet: timedelta
    burst: timedelta
    chat_cap: timedelta
    mail_cap: timedelta
    retry: timedelta
    lease: timedelta = LEASE
    pace: int = PACE

    def cap(self, channel: Channel) -> timedelta:
        """The longest turn on a channel."""
        return self.mail_cap if channel is Channel.EMAIL else self.chat_cap


@dataclass(frozen=True, slots=True)
class Fence:
    """What a commit must find unchanged in the head row, or the turn is void."""

    customer_id: CustomerId
    side: Side
    turn_id: TurnId
    version: int
    turn_no: int
    epoch: int

    def holds(self, head: HeadRow) -> bool:
        """Whether no other commit, begin or owner came in between. The line that decides if a turn is void."""
        return (head.version, head.turn_no, head.epoch) == (self.version, self.turn_no, self.epoch)


@dataclass(frozen=True, slots=True)
class Begun:
    """A turn to think about, with the state it was begun from."""

    turn: Turn
    state: State


@dataclass(frozen=True, slots=True)
class Commit:
    """What a commit brought: the new state, the outcome, ledger rows to hint and messages that are settled."""

    state: State
    outcome: str
    hints: tuple[Hint, ...]
    settled: tuple[tuple[MessageId, str], ...] = ()


class Turns:
    """Begins and commits turns of one customer's side; `cached` states are used only if their version fits."""

    def __init__(
        self,
        heads: HeadStore,
        times: TurnTimes,
        phrases: PhraseBook,
        new_id: Callable[[], UUID] = uuid4,
    ) -> None:
        self._heads = heads
        self._times = times
        self._phrases = phrases
        self._new_id = new_id

    async def begin(
        self,
        customer_id: CustomerId,
        side: Side,
        runner: str,
        cached: State | None,
        limits: LimitsOf,
    ) -> Begun | Commit | None:
        """Hands out the batch that is due under a lease; None when nothing is due or another runner has it.

        Three batches end here without a model: one that was begun too often, because it keeps killing its
        runner, one whose matter a person has, and one that only says whether the matter is solved.
        """
        async with self._heads.transaction(customer_id, side) as transaction:
            head = await transaction.lock()
            if head is None or not head.is_due:
                return None
            flooded = is_told(head.told_time, head.now)
            most = MOST_TOGETHER if flooded else MAX_BATCH
            batch = _first_batch(await transaction.waiting(most))
            if not batch:
                await transaction.rest()
                return None
            state = await read_state(transaction, head, cached)
            turn = new_turn(head, state, batch, self._new_id)
            clock = Clock(head.now, self._new_id)
            # Before a turn is opened: a message is in one committed turn only.
            if self._floods(head):
                return await self._tell_to_wait(transaction, turn, state, limits, clock)
            cap = self._times.cap(turn.channel)
            await transaction.open_turn(turn, runner, self._times.lease, cap)
            if turn.batch[0].form_action in _MARKS:
                events = decide_marked(state, turn, self._phrases.of(state.language), clock)
                return await self._write(transaction, turn, state, events)
            if head.owner is Owner.HUMAN:
                events = decide_with_human(state, turn, self._phrases.of(state.language), clock)
                return await self._write(transaction, turn, state, events)
            if turn.begin_count > BEGINS:
                events = decide_failure(
                    state, turn, "runner_died", head.failure_count, limits(turn.channel),
                    self._phrases.of(state.language), clock,
                )  # fmt: skip
                return await self._write(transaction, turn, state, events)
            return Begun(turn, state)

    def _floods(self, head: HeadRow) -> bool:
        """Whether the customer is to be told now; a batch that failed or was begun before goes on as it is."""
        fresh = head.owner is Owner.AI and not head.failure_count and not head.begin_count
        return fresh and wants_notice(head.recent, self._times.pace, head.told_time, head.now)

    async def _tell_to_wait(
        self,
        transaction: HeadTransaction,
        turn: Turn,
        state: State,
        limits: LimitsOf,
        clock: Clock,
    ) -> Commit:
        phrases = self._phrases.of(_guessed(state, turn))
        events = decide_wait_notice(state, turn, limits(turn.channel), phrases, clock)
        version = state.version + 1
        hints = await transaction.write(turn, version, events, "committed")
        await transaction.told()
        await self._recompute(transaction)
        return Commit(evolve_all(state, events, version), "told_to_wait", hints)

    async def _recompute(self, transaction: HeadTransaction) -> None:
        times = self._times
        await transaction.recompute_due(times.quiet, times.burst, times.pace)

    async def commit_answer(
        self, fence: Fence, answer: TurnAnswer, cached: State | None, limits: LimitsOf
    ) -> Commit | None:
        """Writes all that the turn staged in one fenced transaction; None means void, and nothing exists."""
        async with self._heads.transaction(fence.customer_id, fence.side) as transaction:
            fenced = await self._fenced(transaction, fence, cached)
            if fenced is None:
                return None
            head, turn, state = fenced
            clock = Clock(head.now, self._new_id)
            phrases = self._phrases.of(answer.language)
            turn = await routed(transaction, turn, head.now)
            channel = turn.answered.channel
            events = decide_answer(state, turn, answer, limits(channel), phrases, clock)
            return await self._write(transaction, turn, state, events)

    async def commit_failure(
        self, fence: Fence, error: str, cached: State | None, limits: LimitsOf
    ) -> Commit | None:
        """Counts a failed turn; the batch is due again after a back-off, or goes to a person. None means void."""
        async with self._heads.transaction(fence.customer_id, fence.side) as transaction:
            fenced = await self._fenced(transaction, fence, cached)
            if fenced is None:
                return None
            head, turn, state = fenced
            failures = head.failure_count + 1
            clock = Clock(head.now, self._new_id)
            turn = await routed(transaction, turn, head.now)
            events = decide_failure(
                state, turn, error, failures, limits(turn.answered.channel),
                self._phrases.of(state.language), clock,
            )  # fmt: skip
            commit = await self._write(transaction, turn, state, events)
            if commit.outcome == "retried":
                await transaction.back_off(failures, self._times.retry * 2 ** (failures - 1))
            return commit

    async def _write(
        self, transaction: HeadTransaction, turn: Turn, state: State, events: Sequence[Event]
    ) -> Commit:
        taken = next((event for event in events if isinstance(event, MessagesTaken)), None)
        outcome = taken.outcome if taken else "retried"
        version = state.version + 1
        ended = "failed" if outcome in {"retried", "failed"} else "committed"
        hints = await transaction.write(turn, version, events, ended)
        # Messages that came meanwhile are seen only by a statement after the one that took the lock.
        await self._recompute(transaction)
        settled = tuple((m.message_id, taken.outcome) for m in taken.messages) if taken else ()
        return Commit(evolve_all(state, events, version), outcome, hints, settled)

    async def _fenced(
        self, transaction: HeadTransaction, fence: Fence, cached: State | None
    ) -> tuple[HeadRow, Turn, State] | None:
        head = await transaction.lock()
        if head is None or not fence.holds(head):
            return None
        opened = await transaction.opened(fence.turn_id)
        if opened is None:
            return None
        state = await read_state(transaction, head, cached)
        turn = _turn(head, state, opened.batch, fence.turn_id, opened.conversation_id)
        # Begin has counted this turn already.
        counted = replace(
            turn, turn_no=fence.turn_no, begin_count=head.begin_count, due_time=opened.due_time
        )
        return head, counted, state


def new_turn(
    head: HeadRow, state: State, batch: tuple[InboundText, ...], new_id: Callable[[], UUID]
) -> Turn:
    """Makes the head's next turn, in the active conversation or a new one; an ownership change has no batch."""
    first = batch[0] if batch else None
    conversation_id = state.active_conversation(head.now, first) or ConversationId(new_id())
    return _turn(head, state, batch, TurnId(new_id()), conversation_id)


async def routed(transaction: HeadTransaction, turn: Turn, now: datetime) -> Turn:
    """Returns the turn with the way that its answer can take: by mail where WhatsApp's window has closed.

    Without a verified mail address the answer keeps its channel; delivery has a template for it, or a person.
    """
    if turn.answered.channel is not Channel.WHATSAPP or is_open(turn.answered.accept_time, now):
        return turn
    newest = await transaction.last_inbound(Channel.WHATSAPP)
    if newest is not None and is_open(newest.accept_time, now):
        return turn
    mail = await transaction.last_inbound(Channel.EMAIL) if turn.side is Side.VERIFIED else None
    return turn if mail is None else replace(turn, reply_to=mail)


def _guessed(state: State, turn: Turn) -> str:
    """The language of a notice that is due before anybody has judged the messages."""
    if state.language != DEFAULT_LANGUAGE:
        return state.language
    return recognise(" ".join(m.content for m in turn.batch)[:LONGEST_READ], ()).language


async def read_state(transaction: HeadTransaction, head: HeadRow, cached: State | None) -> State:
    """Returns the state at the head's version: the cached one if it is that, else the fold of the events."""
    if cached is not None and cached.version == head.version:
        return cached
    events = await transaction.events(head.conversation_version)
    return evolve_all(State(), events, head.version)


def _first_batch(waiting: Sequence[InboundText]) -> tuple[InboundText, ...]:
    """The oldest waiting messages that belong together: one channel, form, thread, subject and action; the rest queues behind."""
    batch: list[InboundText] = []
    for message in waiting:
        if _kind(message) != _kind(batch[0] if batch else message):
            break
        batch.append(message)
    return tuple(batch)


def _kind(message: InboundText) -> tuple[Channel, TicketId | None, str, FormAction | None]:
    thread = message.thread.ticket_id if message.thread else None
    matter = message.form_ticket_id or thread
    return message.channel, matter, topic(mail_subject(message)), message.form_action


def _turn(
    head: HeadRow,
    state: State,
    batch: tuple[InboundText, ...],
    turn_id: TurnId,
    conversation_id: ConversationId,
) -> Turn:
    is_new = conversation_id != state.conversation_id
    verified = head.side is Side.VERIFIED
    ticket = None if is_new else state.ticket(batch[0] if batch else None)
    # A claim sees only the lines of its own ticket: whoever typed the address may be somebody else.
    history = (
        state.history(ticket.ticket_id if ticket else None, whole=verified)
        if not is_new and (verified or ticket)
        else ()
    )
    return Turn(
        turn_id=turn_id,
        version=head.version,
        turn_no=head.turn_no + 1,
        epoch=head.epoch,
        begin_count=head.begin_count + 1,
        customer_id=head.customer_id,
        side=head.side,
        conversation_id=conversation_id,
        new_conversation=is_new,
        batch=batch,
        due_time=head.due_time if head.due_time is not None else head.now,
        history=history,
        ticket_id=ticket.ticket_id if ticket else None,
        ticket_reference=ticket.reference if ticket else "",
        ticket_subject=ticket.subject if ticket else "",
        previous_channel=state.channels[-1] if verified and not is_new else None,
        display_name=batch[-1].sender_name if batch else "",
        escalated=ticket.escalated if ticket else False,
        language=state.language,
    )
