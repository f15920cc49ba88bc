"""What a batch deserves: rules on the customer's words, the model's loop over the tools, rules on the draft."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass

import structlog

from services.agent.application.metering import Meter, Metering
from services.agent.application.ports import (
    Clock,
    CustomerHistory,
    CustomerSaid,
    Judge,
    KnowledgeBase,
    LanguageModel,
    ModelReply,
    ModelRequest,
    ModelSaid,
    ModelUnavailable,
    SystemNote,
    TranscriptItem,
)
from services.agent.application.prompting import Prompts, load_prompts
from services.agent.application.registry import TOOLS, CreateTicket, Stage
from services.agent.application.tools import FAILED_SEARCHES, ToolDesk
from services.agent.domain import drafts, sentiment
from services.agent.domain.formatting import is_reply
from services.agent.domain.grounding import share_of
from services.agent.domain.own_text import considered, own_text
from services.agent.domain.phrases import PhraseBook, Phrases
from services.agent.domain.reading import (
    Reading,
    considered_together,
    read,
    said_subject,
)
from services.agent.domain.turn import (
    DEFAULT_LANGUAGE,
    Channel,
    Escalation,
    EscalationReason,
    FormAction,
    InboundText,
    MediaProblem,
    Turn,
    TurnAnswer,
    Urgency,
)

log = structlog.get_logger(__name__)

# Beyond the first: history, searches, one more search, an answer, and a hand-over if it is refused.
FALLBACK_STEPS = 5
MALFORMED_REPLIES = 1
TEXTS_WITHOUT_CALL = 1
SUBJECT_LENGTH = 1000
_SCHEMAS = tuple(tool.schema() for tool in TOOLS)
# What the offline policy says of a question that it has no answer to is not the reason when it only stands in.
_STANDING_IN = frozenset(
    {
        EscalationReason.WEAK_EVIDENCE,
        EscalationReason.TWO_FAILED_SEARCHES,
        EscalationReason.UNSUPPORTED_CLAIM,
    }
)
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

    `fallback` takes over in the middle of a turn when `model` is away, too slow, refuses or has no budget left;
    without it an unavailable model fails the turn. The fallback is never metered.
    """

    def __init__(
        self,
        *,
        model: LanguageModel,
        knowledge: KnowledgeBase,
        history: CustomerHistory,
        judge: Judge,
        phrases: PhraseBook,
        fallback: LanguageModel | None = None,
        prompts: Prompts | None = None,
        clock: Clock | None = None,
        metering: Metering | None = None,
        chat_cap_seconds: float = 60.0,
        mail_cap_seconds: float = 120.0,
    ) -> None:
        self._knowledge = knowledge
        self._history = history
        self._judge = judge
        self._phrases = phrases
        self._means = _Means(
            model=model,
            fallback=fallback,
            prompts=prompts or load_prompts(),
            clock=clock or MonotonicClock(),
            metering=metering or Metering(),
            chat_cap_seconds=chat_cap_seconds,
            mail_cap_seconds=mail_cap_seconds,
        )

    async def think(self, turn: Turn) -> TurnAnswer:
        """Stages an answer or an escalation.

        Raises:
            ModelUnavailable: if neither the model nor the fallback can be asked.
            TimeoutError: if the model is too slow and there is no fallback.
        """
        decided, language = await self._judged(turn)
        phrases = self._phrases.of(language)
        desk = ToolDesk(
            turn,
            self._knowledge,
            self._history,
            self._means.clock,
            phrases,
            confidential=self._means.prompts.system,
        )
        run = _Run(self._means, desk, phrases, language)
        issue = _issue(turn, phrases)
        text = _courtesy(turn, phrases)
        if decided is not None:
            await desk.escalate_by_code(decided, issue)
        elif text and drafts.said_before(text, turn.matter) and text != phrases.welcome:
            # Asked once and still unclear: a person finds out more than a second question would.
            weak = Escalation(EscalationReason.WEAK_EVIDENCE, Urgency.NORMAL)
            await desk.escalate_by_code(weak, issue)
        elif text:
            await desk.open_by_code(issue, "low")
            desk.respond_by_code(text)
        else:
            await run.loop(issue)
        return run.answer(issue)

    async def _judged(self, turn: Turn) -> tuple[Escalation | None, str]:
        """What is decided before any model is asked, by who is writing and by the words, and their language."""
        # Who may be another person than we know is answered by a person, whatever the words say.
        doubted = any(message.conflicting for message in turn.batch)
        doubt = Escalation(EscalationReason.CONFLICTING_IDENTITY, Urgency.HIGH) if doubted else None
        try:
            judgement = await self._judge.judge(turn.batch, turn.channel)
        except Exception:
            # Whatever is wrong with the judge, an unjudged message is no message for the AI.
            log.exception("the judge failed", turn_id=str(turn.turn_id))
            fault = Escalation(EscalationReason.MODEL_FAULT, Urgency.HIGH)
            return doubt or fault, turn.language
        # A guess yields to what the conversation was held in.
        guessed = not judgement.language_certain and turn.language != DEFAULT_LANGUAGE
        language = turn.language if guessed else judgement.language
        asked = any(message.form_action is FormAction.PERSON for message in turn.batch)
        wanted = Escalation(EscalationReason.EXPLICIT_HUMAN_REQUEST, Urgency.HIGH)
        return doubt or judgement.escalation or (wanted if asked else None), language


@dataclass(frozen=True, slots=True)
class _Means:
    model: LanguageModel
    fallback: LanguageModel | None
    prompts: Prompts
    clock: Clock
    metering: Metering
    chat_cap_seconds: float
    mail_cap_seconds: float

    def cap(self, channel: Channel) -> float:
        return self.mail_cap_seconds if channel is Channel.EMAIL else self.chat_cap_seconds


class _SilentError(Exception):
    """Nobody is left to ask: `reason` says why the model is not asked, or not again."""

    def __init__(self, reason: EscalationReason) -> None:
        super().__init__(reason.value)
        self.reason = reason


class _Run:
    """One turn under way: who is asked, what was said, what it cost."""

    def __init__(self, means: _Means, desk: ToolDesk, phrases: Phrases, language: str) -> None:
        self._means = means
        self._desk = desk
        self._phrases = phrases
        self._language = language
        self._started = means.clock.monotonic()
        self._model = means.model
        self._meter = Meter(means.metering, desk.turn, means.model.name)
        self._asked = False
        self._over_budget = False
        batch = desk.turn.batch
        texts = considered_together([message.content for message in batch])
        self._transcript: list[TranscriptItem] = [
            SystemNote(means.prompts.note(desk.turn)),
            *(
                CustomerSaid(message.channel, text, message.subject[:SUBJECT_LENGTH])
                for message, text in zip(batch, texts, strict=True)
            ),
        ]

    async def loop(self, issue: str) -> None:
        """Asks the model step by step until a last call is staged; what cannot end so ends with a person."""
        texts, left = 0, self._means.metering.budgets.steps
        while left > 0:
            asked = self._model
            try:
                reply = await self._ask()
            except _SilentError as silent:
                await self._give_up(silent.reason, issue)
                return
            # Who takes over has steps enough for a turn of its own, however late that is.
            left = left - 1 if self._model is asked else FALLBACK_STEPS
            self._transcript.append(ModelSaid(reply.text, reply.tool_calls))
            if not reply.tool_calls:
                texts += 1
                if texts > TEXTS_WITHOUT_CALL:
                    break
                self._transcript.append(SystemNote(_NUDGE))
            self._transcript += await self._desk.call_all(reply.tool_calls)
            if self._desk.stage is Stage.DONE:
                return
            if self._desk.malformed_count > MALFORMED_REPLIES:
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
            sentiments=tuple(sentiment.score(m.content) for m in turn.batch),
            response=self._with_media(desk.response),
            escalation=self._escalation(),
            tool_calls=tuple(desk.calls),
            tokens_used=self._meter.usage.tokens,
            latency_ms=round((self._means.clock.monotonic() - self._started) * 1000),
            model=self._model.name if self._asked else "rules",
            sources=desk.sources,
            language=self._language,
            statements=desk.statements,
        )

    def _with_media(self, response: str) -> str:
        """The answer, and once what cannot be opened of what came with the question."""
        turn, said = self._desk.turn, _unopened(self._desk.turn, self._phrases)
        if not response or not said or said in response or drafts.said_before(said, turn.history):
            return response
        return f"{response}\n\n{said}"

    def _escalation(self) -> Escalation | None:
        decided = self._desk.escalation
        if decided is not None and self._over_budget and decided.reason in _STANDING_IN:
            return Escalation(EscalationReason.BUDGET_SPENT, decided.urgency)
        return decided

    async def _ask(self) -> ModelReply:
        """Asks the model, and from the first time that it brings nothing the fallback.

        Raises:
            _SilentError: if a budget is spent or the model refused, and there is no fallback.
            ModelUnavailable, TimeoutError: if the model cannot be asked, and there is no fallback.
        """
        fallback = self._means.fallback
        if self._model is not fallback:
            try:
                return await self._ask_metered()
            except _SilentError as silent:
                self._over_budget = silent.reason is EscalationReason.BUDGET_SPENT
                if fallback is None:
                    raise
            except (ModelUnavailable, TimeoutError):
                if fallback is None:
                    raise
            # It reads the same transcript, so it goes on where the model stopped.
            self._model = fallback
        # It takes milliseconds, and must not be refused because the model used up the time.
        return await self._respond(None)

    async def _ask_metered(self) -> ModelReply:
        if not await self._meter.allows():
            raise _SilentError(EscalationReason.BUDGET_SPENT)
        left = self._started + self._means.cap(self._desk.turn.channel)
        left -= self._means.clock.monotonic()
        try:
            reply = await self._respond(max(left, 0.0))
        except ModelUnavailable as error:
            await self._meter.charge(error.usage)
            raise
        await self._meter.charge(reply.usage)
        if reply.declined:
            raise _SilentError(EscalationReason.MODEL_FAULT)
        return reply

    async def _respond(self, seconds: float | None) -> ModelReply:
        request = ModelRequest(
            system=self._means.prompts.system,
            transcript=tuple(self._transcript),
            tools=_SCHEMAS,
            channel=self._desk.turn.channel,
            phrases=self._phrases,
        )
        self._asked = True
        async with asyncio.timeout(seconds):
            return await self._model.respond(request)

    async def _give_up(self, reason: EscalationReason, issue: str) -> None:
        await self._desk.escalate_by_code(Escalation(reason, Urgency.NORMAL), issue)


def _heard(message: InboundText) -> str:
    """What the rules look at; the subject of a reply was written earlier, perhaps by us."""
    subject = said_subject(message.subject)
    if not subject or is_reply(subject):
        return considered(message.content)
    return f"{subject}\n{considered(message.content)}"


def _courtesy(turn: Turn, phrases: Phrases) -> str:
    """The text for a batch that asks nothing; empty when there is a matter to think about."""
    kinds = [read(_heard(message)) for message in turn.batch]
    if Reading.MATTER in kinds:
        return ""
    whole = read("\n".join(_heard(message) for message in turn.batch))
    if whole is not Reading.THANKS and any(message.media for message in turn.batch):
        return _unopened(turn, phrases) or phrases.media_alone
    texts: dict[Reading, str] = {
        Reading.EMPTY: phrases.clarify_empty,
        Reading.VAGUE: phrases.clarify_vague,
        Reading.GREETING: phrases.greeting,
        Reading.THANKS: phrases.welcome,
    }
    return texts.get(whole, texts[kinds[-1]])


def _unopened(turn: Turn, phrases: Phrases) -> str:
    """What is said of attachments that nobody can open; empty if there are none."""
    problems = {media.problem for message in turn.batch for media in message.media}
    if MediaProblem.TOO_LARGE in problems:
        return phrases.media_too_large
    return phrases.media_unsupported if MediaProblem.UNSUPPORTED in problems else ""


def _subject(turn: Turn, ticket: CreateTicket | None, issue: str) -> str:
    """The model's words for the matter if they are the customer's too: a subject is repeated to the customer."""
    said = "\n".join(message.content for message in turn.batch)
    return ticket.issue if ticket and share_of(ticket.issue.rstrip("…"), said) == 1.0 else issue


def _issue(turn: Turn, phrases: Phrases) -> str:
    """One line for the ticket from what the customer wrote."""
    candidates: Sequence[str] = [turn.batch[0].subject, *(own_text(m.content) for m in turn.batch)]
    line = next((" ".join(text.split()) for text in candidates if text.strip()), "")
    return line[:200] or phrases.message_subject
