"""Decides what a turn's outcome means, as events; clock, ids and state come in as arguments."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from services.agent.domain.claims import repeatable
from services.agent.domain.conversation import State, Ticket
from services.agent.domain.events import (
    ChannelSwitched,
    ConversationStarted,
    Escalated,
    Event,
    GivenUp,
    MessagesTaken,
    OutboundKind,
    OutboundPart,
    ResponseGiven,
    TakenMessage,
    TicketOpened,
    TicketReopened,
    TicketResolved,
    TurnFailed,
)
from services.agent.domain.formatting import FormatContext, Limits, Part, format_answer
from services.agent.domain.own_text import own_text
from services.agent.domain.phrases import Phrases
from services.agent.domain.sentiment import score
from services.agent.domain.turn import (
    Channel,
    Escalation,
    EscalationReason,
    FormAction,
    MessageId,
    Role,
    Side,
    TicketId,
    Turn,
    TurnAnswer,
    Urgency,
)

# A batch whose turns returned this many errors goes to a person.
TRIES = 3
# A batch that was begun this often without any end keeps killing its runner.
BEGINS = 10
_NAME_WORDS = 6

_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

NewId = Callable[[], UUID]


@dataclass(frozen=True, slots=True)
class Clock:
    """The moment of the decision and a source of fresh ids."""

    now: datetime
    new_id: NewId


def reference_of(ticket_id: UUID) -> str:
    """Derives the reference that people read out: FTE- and eight Crockford base32 characters (40 bits)."""
    number = int.from_bytes(hashlib.sha256(ticket_id.bytes).digest()[:5])
    return "FTE-" + "".join(_CROCKFORD[number >> shift & 31] for shift in range(35, -1, -5))


def decide_answer(
    state: State, turn: Turn, answer: TurnAnswer, limits: Limits, phrases: Phrases, clock: Clock
) -> list[Event]:
    """Turns what was staged into events: conversation, ticket, messages, response, escalation.

    `phrases` are those of the answer's language.
    """
    events = _opening(state, turn, clock)
    ticket, opened = _ticket(
        state, turn, answer.ticket_subject, answer.ticket_category, answer.ticket_priority, clock
    )
    if answer.escalation is None and not answer.response:
        # A person has the matter and the customer was told: nothing more is said.
        return [*events, *opened, _taken(turn, ticket, "with_human", answer)]
    outcome = "escalated" if answer.escalation is not None else "answered"
    events += [*opened, _taken(turn, ticket, outcome, answer)]
    kind = OutboundKind.ESCALATION_NOTICE if answer.escalation else OutboundKind.ANSWER
    context = _context(state, turn, ticket, limits, phrases)
    events.append(_response(turn, ticket, kind, context, clock, answer))
    if answer.escalation is not None:
        events.append(_escalated(turn, ticket, answer.escalation, clock))
    return events


def decide_with_human(state: State, turn: Turn, phrases: Phrases, clock: Clock) -> list[Event]:
    """Files a batch whose matter a person has: it is kept and shown, and nothing is said."""
    first = turn.batch[0]
    subject = first.subject or own_text(first.content)[:200] or phrases.message_subject
    ticket, opened = _ticket(state, turn, subject, "general", "medium", clock)
    sentiments = tuple(score(m.content) for m in turn.batch)
    return [
        *_opening(state, turn, clock),
        *opened,
        _taken(turn, ticket, "with_human", sentiments=sentiments),
    ]


def decide_wait_notice(
    state: State, turn: Turn, limits: Limits, phrases: Phrases, clock: Clock
) -> list[Event]:
    """Tells a customer who writes faster than the pace that the messages are worked on; none of them is taken."""
    first = turn.batch[0]
    subject = first.subject or own_text(first.content)[:200] or phrases.message_subject
    ticket, opened = _ticket(state, turn, subject, "general", "medium", clock)
    context = replace(_context(state, turn, ticket, limits, phrases), previous_channel=None)
    kind = OutboundKind.WAIT_NOTICE
    return [
        *_opening(state, turn, clock),
        *opened,
        _response(turn, ticket, kind, context, clock, None),
    ]


def decide_marked(state: State, turn: Turn, phrases: Phrases, clock: Clock) -> list[Event]:
    """Files that the customer calls the matter solved, or not solved after all; nothing is said.

    A matter that waited for a person before waits for one again.
    """
    subject = turn.batch[0].subject or phrases.message_subject
    ticket, opened = _ticket(state, turn, subject, "general", "medium", clock)
    solved = turn.batch[-1].form_action is FormAction.SOLVED
    events = [
        *_opening(state, turn, clock),
        *(event for event in opened if not (solved and isinstance(event, TicketReopened))),
        _taken(turn, ticket, "noted"),
    ]
    if solved and not ticket.resolved:
        events.append(TicketResolved(ticket.ticket_id, clock.now))
    elif not solved and ticket.resolved and ticket.escalated:
        wanted = Escalation(EscalationReason.EXPLICIT_HUMAN_REQUEST, Urgency.NORMAL)
        events.append(_escalated(turn, ticket, wanted, clock))
    return events


def decide_reply(
    state: State,
    turn: Turn,
    person: str,
    text: str,
    message_id: MessageId,
    limits: Limits,
    phrases: Phrases,
    clock: Clock,
) -> list[Event]:
    """Says a person's words on the channel of the customer's newest message, which is the turn's batch."""
    subject = turn.answered.subject or phrases.reply_subject
    ticket, opened = _ticket(state, turn, subject, "general", "medium", clock)
    # A person's words continue nothing: the switch of channels is told by the AI alone.
    context = replace(_context(state, turn, ticket, limits, phrases), previous_channel=None)
    kind = OutboundKind.HUMAN_REPLY
    parts = format_answer(text, turn.answered.channel, context, kind.value)
    response = ResponseGiven(
        message_id=message_id,
        ticket_id=ticket.ticket_id,
        role=Role.HUMAN,
        kind=kind,
        channel=turn.answered.channel,
        content=text,
        parts=_outbound(parts, clock),
        create_time=clock.now,
        speaker=person,
    )
    # A person's closing word leaves a solved matter solved.
    return [*(event for event in opened if isinstance(event, TicketOpened)), response]


def decide_failure(
    state: State,
    turn: Turn,
    error: str,
    failure_count: int,
    limits: Limits,
    phrases: Phrases,
    clock: Clock,
) -> list[Event]:
    """Counts a turn that returned an error; the last try gives the batch to a person with an apology."""
    if failure_count < TRIES and turn.begin_count < BEGINS:
        return [TurnFailed(error, failure_count)]
    events = _opening(state, turn, clock)
    subject = turn.batch[0].subject or phrases.failure_subject
    ticket, opened = _ticket(state, turn, subject, "general", "high", clock)
    context = _context(state, turn, ticket, limits, phrases)
    escalation = Escalation(EscalationReason.PROCESSING_FAILURE, Urgency.HIGH)
    return [
        *events,
        *opened,
        _taken(turn, ticket, "failed"),
        _response(turn, ticket, OutboundKind.APOLOGY, context, clock, None),
        _escalated(turn, ticket, escalation, clock),
        GivenUp(
            dead_letter_id=clock.new_id(),
            ticket_id=ticket.ticket_id,
            message_ids=tuple(m.message_id for m in turn.batch),
            channel=turn.channel,
            error=error,
            attempts=max(failure_count, turn.begin_count),
        ),
    ]


def _opening(state: State, turn: Turn, clock: Clock) -> list[Event]:
    if turn.new_conversation:
        start = turn.batch[0].accept_time
        return [ConversationStarted(turn.conversation_id, turn.channel, start, state.language)]
    if state.channels and state.channels[-1] is not turn.channel:
        return [ChannelSwitched(state.channels[-1], turn.channel, clock.now)]
    return []


def _ticket(
    state: State, turn: Turn, subject: str, category: str, priority: str, clock: Clock
) -> tuple[Ticket, list[Event]]:
    form = next((m for m in turn.batch if m.form_ticket_id is not None), None)
    if not turn.new_conversation:
        known = state.ticket(form or (turn.batch[0] if turn.batch else None))
        if known is not None:
            reopened = TicketReopened(known.ticket_id, clock.now)
            return known, [reopened] if known.resolved else []
    ticket_id = form.form_ticket_id if form else None
    if ticket_id is None:
        ticket_id = TicketId(clock.new_id())
    reference = form.form_reference if form else reference_of(ticket_id)
    ticket = Ticket(ticket_id, reference, subject)
    opened = TicketOpened(ticket_id, reference, subject, category, priority, turn.channel)
    return ticket, [opened]


def _taken(
    turn: Turn,
    ticket: Ticket,
    outcome: str,
    answer: TurnAnswer | None = None,
    sentiments: tuple[float, ...] = (),
) -> MessagesTaken:
    scores = (*(answer.sentiments if answer else sentiments), *[None] * len(turn.batch))
    return MessagesTaken(
        messages=tuple(
            TakenMessage(m.message_id, m.channel, m.content, m.accept_time, score)
            for m, score in zip(turn.batch, scores, strict=False)
        ),
        ticket_id=ticket.ticket_id,
        outcome=outcome,
        language=answer.language if answer else "",
    )


def _context(
    state: State, turn: Turn, ticket: Ticket, limits: Limits, phrases: Phrases
) -> FormatContext:
    # Continuity is acknowledged once, and never on the side of a mere claim.
    switched = not turn.new_conversation and turn.side is Side.VERIFIED and state.channels
    previous = state.channels[-1] if switched else None
    return FormatContext(
        phrases=phrases,
        display_name=_name(turn.display_name),
        reference=ticket.reference,
        # A subject was written by somebody; one that leads away or promises something is not repeated.
        ticket_subject=ticket.subject if repeatable(ticket.subject) else "",
        message_subject=turn.answered.subject,
        previous_channel=previous if previous is not turn.channel else None,
        status_url=turn.answered.status_url,
        limits=limits,
    )


def _name(display_name: str) -> str:
    """A name as people have them; a sentence in its place is no name to greet with."""
    words = display_name.split()
    sound = (
        len(words) <= _NAME_WORDS
        and not set(display_name) & set(':;!?%{}"')
        and repeatable(display_name)
    )
    return display_name if sound else ""


def _response(
    turn: Turn,
    ticket: Ticket,
    kind: OutboundKind,
    context: FormatContext,
    clock: Clock,
    answer: TurnAnswer | None,
) -> ResponseGiven:
    text = answer.response if answer else ""
    parts = format_answer(text, turn.answered.channel, context, kind.value)
    # The link opens the status page: it is sent, but kept in no conversation.
    bare = (
        format_answer(text, turn.answered.channel, replace(context, status_url=""), kind.value)
        if context.status_url
        else parts
    )
    said = "\n\n".join(part.text for part in bare)
    return ResponseGiven(
        message_id=MessageId(clock.new_id()),
        ticket_id=ticket.ticket_id,
        role=Role.AI if kind is OutboundKind.ANSWER else Role.SYSTEM,
        kind=kind,
        channel=turn.answered.channel,
        # The status page shows what is kept, so a web answer is kept as it was shaped for the web.
        content=said if turn.answered.channel is Channel.WEB_FORM else text or said,
        parts=_outbound(parts, clock),
        create_time=clock.now,
        tool_calls=answer.tool_calls if answer else (),
        tokens_used=answer.tokens_used if answer else 0,
        latency_ms=answer.latency_ms if answer else 0,
        model=answer.model if answer else "",
        sources=answer.sources if answer else (),
        statements=answer.statements if answer else (),
    )


def _outbound(parts: Sequence[Part], clock: Clock) -> tuple[OutboundPart, ...]:
    return tuple(OutboundPart(clock.new_id(), part.text, part.html, part.subject) for part in parts)


def _escalated(turn: Turn, ticket: Ticket, escalation: Escalation, clock: Clock) -> Escalated:
    return Escalated(
        clock.new_id(), ticket.ticket_id, escalation.reason, escalation.urgency, turn.channel
    )
