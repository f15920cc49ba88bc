"""The state of one side of a customer: bounded, and a pure fold over the events since the conversation began."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from services.agent.domain.events import (
    ChannelSwitched,
    ConversationStarted,
    Escalated,
    Event,
    HandedBack,
    MessagesTaken,
    ResponseGiven,
    TicketOpened,
    TicketReopened,
    TicketResolved,
)
from services.agent.domain.topics import begins_anew, mail_subject, topic
from services.agent.domain.turn import (
    DEFAULT_LANGUAGE,
    Channel,
    ConversationId,
    HistoryLine,
    InboundText,
    Role,
    TicketId,
)

KEPT = 20
# A message within this time of the last one goes on with the same conversation.
ACTIVE_FOR = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Ticket:
    """One matter of the conversation."""

    ticket_id: TicketId
    reference: str
    subject: str
    escalated: bool = False
    resolved: bool = False


@dataclass(frozen=True, slots=True)
class State:
    """What the next turn needs to know; lists hold the last 20, oldest first.

    `language` is what the customer wrote in last.
    """

    version: int = 0
    conversation_id: ConversationId | None = None
    lines: tuple[HistoryLine, ...] = ()
    tickets: tuple[Ticket, ...] = ()
    channels: tuple[Channel, ...] = ()
    mood: float = 0.0
    mood_count: int = 0
    last_message_time: datetime | None = None
    language: str = DEFAULT_LANGUAGE

    def active_conversation(
        self, now: datetime, message: InboundText | None = None
    ) -> ConversationId | None:
        """The conversation that a message of now belongs to; absent when a new one starts.

        A mail in a thread of the last conversation goes on with it, however late it comes.
        """
        recent = self.last_message_time is not None and now - self.last_message_time <= ACTIVE_FOR
        if recent or (message is not None and self._in_thread(message) is not None):
            return self.conversation_id
        return None

    def ticket(self, message: InboundText | None) -> Ticket | None:
        """The ticket that a message goes on with: the form's, the thread's, the subject's, or else the newest.

        A mail with a new subject goes on with none, be it written into an old thread: it begins a matter of its own
        in the same conversation.
        """
        if message is not None and message.form_ticket_id is not None:
            return next((t for t in self.tickets if t.ticket_id == message.form_ticket_id), None)
        found = self._in_thread(message) if message is not None else None
        if found is not None:
            return found
        subject = mail_subject(message) if message is not None else ""
        same = [t for t in self.tickets if topic(t.subject) == topic(subject)] if subject else []
        threaded = message is not None and message.thread is not None
        if same or threaded or begins_anew(subject):
            return same[-1] if same else None
        return self.tickets[-1] if self.tickets else None

    def _in_thread(self, message: InboundText) -> Ticket | None:
        """The ticket of the mail's thread, if the subject is still that of the thread."""
        thread = message.thread
        if thread is None or topic(mail_subject(message)) != thread.topic:
            return None
        return next((t for t in self.tickets if t.ticket_id == thread.ticket_id), None)

    def history(self, ticket_id: TicketId | None, *, whole: bool) -> tuple[HistoryLine, ...]:
        """The lines that a turn may see: the whole conversation, or those of one ticket only."""
        return tuple(line for line in self.lines if whole or line.ticket_id == ticket_id)


def evolve(state: State, event: Event) -> State:
    """Applies one event."""
    match event:
        case ConversationStarted():
            return State(
                version=state.version,
                conversation_id=event.conversation_id,
                channels=(event.channel,),
                last_message_time=event.start_time,
                language=event.language,
            )
        case ChannelSwitched():
            return replace(state, channels=(*state.channels, event.to_channel)[-KEPT:])
        case TicketOpened():
            ticket = Ticket(event.ticket_id, event.reference, event.subject)
            return replace(state, tickets=(*state.tickets, ticket)[-KEPT:])
        case MessagesTaken():
            return _with_messages(state, event)
        case ResponseGiven():
            line = HistoryLine(
                event.message_id,
                event.role,
                event.channel,
                event.content,
                event.create_time,
                event.ticket_id,
            )
            return replace(
                state,
                lines=(*state.lines, line)[-KEPT:],
                last_message_time=event.create_time,
            )
        case Escalated():
            return _with_ticket(state, event.ticket_id, lambda t: replace(t, escalated=True))
        case TicketResolved():
            return _with_ticket(state, event.ticket_id, lambda t: replace(t, resolved=True))
        case TicketReopened():
            return _with_ticket(state, event.ticket_id, lambda t: replace(t, resolved=False))
        case HandedBack():
            return _handed_back(state, event)
        case _:  # Failures and takeovers change no line of the conversation.
            return state


def evolve_all(state: State, events: Iterable[Event], version: int) -> State:
    """Applies the events of commits up to `version`."""
    for event in events:
        state = evolve(state, event)
    return replace(state, version=version)


def _with_ticket(state: State, ticket_id: TicketId, change: Callable[[Ticket], Ticket]) -> State:
    tickets = tuple(change(t) if t.ticket_id == ticket_id else t for t in state.tickets)
    return replace(state, tickets=tickets)


def _handed_back(state: State, event: HandedBack) -> State:
    """The matters are open again, and the next turn reads the person's note."""
    tickets = tuple(replace(ticket, escalated=False) for ticket in state.tickets)
    if not event.note or not state.tickets or not state.channels:
        return replace(state, tickets=tickets)
    line = HistoryLine(
        event.note_id,
        Role.SYSTEM,
        state.channels[-1],
        f"Note from {event.person}, not shown to the customer: {event.note}",
        event.hand_back_time,
        state.tickets[-1].ticket_id,
    )
    return replace(state, tickets=tickets, lines=(*state.lines, line)[-KEPT:])


def _with_messages(state: State, event: MessagesTaken) -> State:
    mood, count, lines = state.mood, state.mood_count, list(state.lines)
    for message in event.messages:
        lines.append(
            HistoryLine(
                message.message_id,
                Role.CUSTOMER,
                message.channel,
                message.content,
                message.create_time,
                event.ticket_id,
            )
        )
        if message.sentiment is not None:
            count += 1
            mood += (message.sentiment - mood) / count
    return replace(
        state,
        lines=tuple(lines[-KEPT:]),
        mood=mood,
        mood_count=count,
        last_message_time=max(line.create_time for line in lines),
        language=event.language or state.language,
    )
