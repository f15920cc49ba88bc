"""What a batch deserves: rules on the customer's words, the model's loop over the tools, rules on the draft."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass

from services.agent.application.ports import (
    Clock,
    CustomerHistory,
    CustomerSaid,
    KnowledgeBase,
    LanguageModel,
    ModelRequest,
    ModelSaid,
    ModelUnavailable,
    SystemNote,
    TranscriptItem,
)
from services.agent.application.prompting import Prompts, load_prompts
from services.agent.application.tools import FAILED_SEARCHES, TOOLS, CreateTicket, Stage, ToolDesk
from services.agent.domain import drafts, escalation, sentiment
from services.agent.domain.formatting import is_reply
from services.agent.domain.grounding import share_of
from services.agent.domain.reading import Reading, considered, own_words, read
from services.agent.domain.turn import (
    Channel,
    Escalation,
    EscalationReason,
    InboundText,
    Turn,
    TurnAnswer,
    Urgency,
)

STEPS = 8
MALFORMED_CALLS = 1
TEXTS_WITHOUT_CALL = 1
_SCHEMAS = tuple(tool.schema() for tool in TOOLS)
_NUDGE = (
    "Use the tools. Nothing reaches the customer unless it is sent with send_response or escalated."
)


class MonotonicClock:
    """The process's own clock."""

    def monotonic(self) -> float:
        """Returns seconds from an arbitrary start."""
        return time.monotonic()


class Thinker:
    """Thinks about one turn at a time, any number of turns at once; holds no state between them.

    `fallback` takes over in the middle of a turn when `model` is away or too slow; without it such a turn fails.
    """

    def __init__(
        self,
        *,
        model: LanguageModel,
        knowledge: KnowledgeBase,
        history: CustomerHistory,
        fallback: LanguageModel | None = None,
        prompts: Prompts | None = None,
        clock: Clock | None = None,
        chat_cap_seconds: float = 60.0,
        mail_cap_seconds: float = 120.0,
    ) -> None:
        self._knowledge = knowledge
        self._history = history
        self._means = _Means(
            model=model,
            fallback=fallback,
            prompts=prompts or load_prompts(),
            clock=clock or MonotonicClock(),
            chat_cap_seconds=chat_cap_seconds,
            mail_cap_seconds=mail_cap_seconds,
        )

    async def think(self, turn: Turn) -> TurnAnswer:
        """Stages an answer or an escalation.

        Raises:
            ModelUnavailable: if neither the model nor the fallback can be asked.
            TimeoutError: if the model is too slow and there is no fallback.
        """
        desk = ToolDesk(
            turn,
            self._knowledge,
            self._history,
            self._means.clock,
            confidential=self._means.prompts.system,
        )
        run = _Run(self._means, desk)
        issue = _issue(turn)
        decided = escalation.before([_heard(message) for message in turn.batch], turn.channel)
        text = _courtesy(turn)
        if decided is not None:
            await desk.escalate_by_code(decided, issue)
        elif text and drafts.said_before(text, turn.history) and text != drafts.WELCOME:
            # Asked once and still unclear: a person finds out more than a second question would.
            weak = Escalation(EscalationReason.WEAK_EVIDENCE, Urgency.NORMAL)
            await desk.escalate_by_code(weak, issue)
        elif text:
            await desk.open_by_code(issue, "low")
            desk.respond_by_code(text)
        else:
            await run.loop(issue)
        return run.answer(issue)


@dataclass(frozen=True, slots=True)
class _Means:
    model: LanguageModel
    fallback: LanguageModel | None
    prompts: Prompts
    clock: Clock
    chat_cap_seconds: float
    mail_cap_seconds: float

    def cap(self, channel: Channel) -> float:
        return self.mail_cap_seconds if channel is Channel.EMAIL else self.chat_cap_seconds


class _Run:
    """One turn under way: who is asked, what was said, what it cost."""

    def __init__(self, means: _Means, desk: ToolDesk) -> None:
        self._means = means
        self._desk = desk
        self._started = means.clock.monotonic()
        self._model = means.model
        self._asked = False
        self._tokens = 0
        self._transcript: list[TranscriptItem] = [
            SystemNote(means.prompts.note(desk.turn)),
            *(CustomerSaid(m.channel, considered(m.content), m.subject) for m in desk.turn.batch),
        ]

    async def loop(self, issue: str) -> None:
        """Asks the model step by step until a last call is staged; what cannot end so ends with a person."""
        texts = 0
        for _ in range(STEPS):
            reply = await self._ask()
            self._transcript.append(reply)
            if not reply.tool_calls:
                texts += 1
                if texts > TEXTS_WITHOUT_CALL:
                    break
                self._transcript.append(SystemNote(_NUDGE))
            for request in reply.tool_calls:
                self._transcript.append(await self._desk.call(request))
            if self._desk.stage is Stage.DONE:
                return
            if self._desk.malformed_count > MALFORMED_CALLS:
                break
            if self._desk.failed_searches >= FAILED_SEARCHES and not self._desk.evidence:
                await self._give_up(EscalationReason.TWO_FAILED_SEARCHES, issue)
                return
        await self._give_up(EscalationReason.MODEL_FAULT, issue)

    def answer(self, issue: str) -> TurnAnswer:
        """Collects what was staged."""
        desk, turn = self._desk, self._desk.turn
        ticket = desk.ticket
        return TurnAnswer(
            ticket_subject=turn.batch[0].subject or _subject(turn, ticket, issue),
            ticket_category=ticket.category if ticket else "general",
            ticket_priority=ticket.priority if ticket else "medium",
            sentiments=tuple(sentiment.score(own_words(considered(m.content))) for m in turn.batch),
            response=desk.response,
            escalation=desk.escalation,
            tool_calls=tuple(desk.calls),
            tokens_used=self._tokens,
            latency_ms=round((self._means.clock.monotonic() - self._started) * 1000),
            model=self._model.name if self._asked else "rules",
            sources=desk.sources,
            statements=desk.statements,
        )

    async def _ask(self) -> ModelSaid:
        try:
            return await self._respond()
        except (ModelUnavailable, TimeoutError):
            fallback = self._means.fallback
            if fallback is None or self._model is fallback:
                raise
            # It reads the same transcript, so it goes on where the model stopped.
            self._model = fallback
            return await self._respond()

    async def _respond(self) -> ModelSaid:
        means, channel = self._means, self._desk.turn.channel
        request = ModelRequest(
            system=means.prompts.system,
            transcript=tuple(self._transcript),
            tools=_SCHEMAS,
            channel=channel,
        )
        self._asked = True
        left = self._started + means.cap(channel) - means.clock.monotonic()
        # The fallback takes milliseconds and must not be refused because the model used up the time.
        async with asyncio.timeout(None if self._model is means.fallback else max(left, 0.0)):
            reply = await self._model.respond(request)
        self._tokens += reply.tokens_used
        return ModelSaid(reply.text, reply.tool_calls)

    async def _give_up(self, reason: EscalationReason, issue: str) -> None:
        await self._desk.escalate_by_code(Escalation(reason, Urgency.NORMAL), issue)


def _heard(message: InboundText) -> str:
    """What the rules look at; the subject of a reply was written earlier, perhaps by us."""
    if not message.subject or is_reply(message.subject):
        return considered(message.content)
    return f"{message.subject}\n{considered(message.content)}"


def _courtesy(turn: Turn) -> str:
    """The text for a batch that asks nothing; empty when there is a matter to think about."""
    kinds = [read(_heard(message)) for message in turn.batch]
    if Reading.MATTER in kinds:
        return ""
    whole = read("\n".join(_heard(message) for message in turn.batch))
    texts: dict[Reading, str] = {
        Reading.EMPTY: drafts.CLARIFY_EMPTY,
        Reading.VAGUE: drafts.CLARIFY_VAGUE,
        Reading.GREETING: drafts.GREET,
        Reading.THANKS: drafts.WELCOME,
    }
    return texts.get(whole, texts[kinds[-1]])


def _subject(turn: Turn, ticket: CreateTicket | None, issue: str) -> str:
    """The model's words for the matter if they are the customer's too: a subject is repeated to the customer."""
    said = "\n".join(message.content for message in turn.batch)
    return ticket.issue if ticket and share_of(ticket.issue.rstrip("…"), said) == 1.0 else issue


def _issue(turn: Turn) -> str:
    """One line for the ticket from what the customer wrote."""
    candidates: Sequence[str] = [turn.batch[0].subject, *(own_words(m.content) for m in turn.batch)]
    line = next((" ".join(text.split()) for text in candidates if text.strip()), "Empty message")
    return line[:200]
