"""The desk that runs the tool calls of one turn in their order.

Effects are only staged: nothing exists before the turn's commit.
"""

import asyncio
import json
from collections.abc import Callable, Coroutine, Sequence
from itertools import groupby
from typing import Any

import structlog
from pydantic import BaseModel, ValidationError

from services.agent.application.ports import (
    Clock,
    CustomerHistory,
    KnowledgeBase,
    LookupUnavailable,
    ToolAnswered,
    ToolRequest,
)
from services.agent.application.registry import (
    BY_NAME,
    CreateTicket,
    EscalateToHuman,
    FoundSection,
    GetCustomerHistory,
    HandedOver,
    HistoryMessage,
    ResponseStaged,
    SearchKnowledgeBase,
    SearchResults,
    SendResponse,
    Stage,
    TicketOpened,
    Tool,
    callable_now,
)
from services.agent.application.registry import CustomerHistory as ShownHistory
from services.agent.domain import claims
from services.agent.domain.drafts import clarifies, said_before, supporting
from services.agent.domain.grounding import cited_text, receipt
from services.agent.domain.history import recall
from services.agent.domain.injection import speaks_to_the_assistant
from services.agent.domain.knowledge import Evidence
from services.agent.domain.links import rebuilt, without_images
from services.agent.domain.phrases import Phrases
from services.agent.domain.turn import (
    Escalation,
    EscalationReason,
    Source,
    Statement,
    ToolCall,
    Turn,
    Urgency,
)

log = structlog.get_logger(__name__)

SEARCH_LIMIT = 4
FAILED_SEARCHES = 2
CALLS_PER_REPLY = 8
# Of a section without end the beginning is shown; it is checked against as a whole.
SECTION_LENGTH = 8000
ARGUMENTS_LENGTH = 20_000
# While a person has the matter, the AI answers a new question only from evidence as good as this.
STRONG_EVIDENCE = 0.7
_SUBJECT_LENGTH = 120
_PRIORITIES = {Urgency.CRITICAL: "urgent", Urgency.HIGH: "high"}


class _RefusedError(Exception):
    """The call is well formed but must not happen; the message is for the model."""


class _MalformedError(Exception):
    """The call is no call of a tool; the message is for the model."""


class ToolDesk:
    """Runs the tool calls of one turn, stages their effects and records every call in order."""

    def __init__(
        self,
        turn: Turn,
        knowledge: KnowledgeBase,
        history: CustomerHistory,
        clock: Clock,
        phrases: Phrases,
        *,
        confidential: str = "",
    ) -> None:
        self.turn = turn
        self.stage = Stage.BEGUN
        self.ticket: CreateTicket | None = None
        self.response = ""
        self.escalation: Escalation | None = None
        self.sources: tuple[Source, ...] = ()
        self.statements: tuple[Statement, ...] = ()
        self.calls: list[ToolCall] = []
        self.malformed_count = 0
        self.failed_searches = 0
        self._found: list[list[Evidence]] = []
        self._refused_drafts = 0
        self._knowledge = knowledge
        self._history = history
        self._clock = clock
        self._phrases = phrases
        self._confidential = confidential

    @property
    def evidence(self) -> list[Evidence]:
        """Every section found so far, once, in the order of the searches."""
        found: dict[str, Evidence] = {}
        for one in self._found:
            for evidence in one:
                found.setdefault(evidence.section.section_id, evidence)
        return list(found.values())

    async def call(self, request: ToolRequest) -> ToolAnswered:
        """Runs one call of the model."""
        return (await self.call_all([request]))[0]

    async def call_all(self, requests: Sequence[ToolRequest]) -> list[ToolAnswered]:
        """Runs the calls of one reply of the model, neighbours that change nothing at the same time.

        What is wrong with a call comes back as an error for the model to mend. However many calls of a reply are
        malformed, they count once.
        """
        malformed = self.malformed_count
        answered: list[ToolAnswered] = []
        for _, group in groupby(enumerate(requests), _alone_or_together):
            ran = await asyncio.gather(*(self._answer(place, r) for place, r in group))
            answered += [answer for answer, _ in ran]
            self.calls += [made for _, made in ran]
        self.malformed_count = min(self.malformed_count, malformed + 1)
        return answered

    async def open_by_code(self, issue: str, priority: str = "medium") -> None:
        """Makes the calls that come first in every turn and that the model has not made."""
        if self.stage is Stage.BEGUN:
            arguments = json.dumps({"issue": issue[:2000], "priority": priority})
            await self.call(ToolRequest("code-1", "create_ticket", arguments))
        if self.stage is Stage.TICKET:
            await self.call(ToolRequest("code-2", "get_customer_history", "{}"))

    async def escalate_by_code(self, decided: Escalation, issue: str) -> None:
        """Hands the matter to a person on the rules' decision, whatever the model did so far."""
        await self.open_by_code(issue, _PRIORITIES.get(decided.urgency, "medium"))
        arguments: dict[str, object] = {
            "reason": decided.reason.value,
            "urgency": decided.urgency.value,
        }
        started = self._clock.monotonic()
        self._hand_over(decided)
        self.calls.append(self._made("escalate_to_human", arguments, "ok", started))

    def respond_by_code(self, message: str) -> None:
        """Stages a text of our own that rests on no documentation: a clarifying question, a courtesy."""
        started = self._clock.monotonic()
        self._finish(response=message)
        self.calls.append(self._made("send_response", {"message": message}, "ok", started))

    async def _answer(self, place: int, request: ToolRequest) -> tuple[ToolAnswered, ToolCall]:
        started = self._clock.monotonic()
        name = request.name[:64]
        arguments: dict[str, object] = {}
        try:
            tool, given = _read(place, request)
            arguments = given.model_dump(mode="json")
            result = await self._run(tool, given)
        except _MalformedError as error:
            self.malformed_count += 1
            return _error(request, str(error)), self._made(name, arguments, "refused", started)
        except _RefusedError as error:
            return _error(request, str(error)), self._made(name, arguments, "refused", started)
        except LookupUnavailable:
            sorry = f"{name} is not available at the moment; go on without it"
            return _error(request, sorry), self._made(name, arguments, "failed", started)
        content = json.dumps(result.model_dump(mode="json", by_alias=True), ensure_ascii=False)
        return (
            ToolAnswered(request.call_id, tool.name, content, ok=True),
            self._made(name, arguments, "ok", started),
        )

    async def _run(self, tool: Tool, given: BaseModel) -> BaseModel:
        if self.stage not in tool.stages:
            raise _RefusedError(
                f"{tool.name} may not be called now; next is {callable_now(self.stage)}"
            )
        run: dict[str, Callable[[Any], Coroutine[Any, Any, BaseModel]]] = {
            "create_ticket": self._create_ticket,
            "get_customer_history": self._get_customer_history,
            "search_knowledge_base": self._search_knowledge_base,
            "escalate_to_human": self._escalate_to_human,
            "send_response": self._send_response,
        }
        return await run[tool.name](given)

    async def _create_ticket(self, given: CreateTicket) -> TicketOpened:
        # What the customer chose on the form counts more than what a model makes of it.
        form = next((m for m in self.turn.batch if m.category or m.priority), None)
        chosen: dict[str, Any] = {"category": given.category, "priority": given.priority}
        if form is not None:
            chosen = {
                "category": form.category or given.category,
                "priority": form.priority or given.priority,
            }
        self.ticket = CreateTicket(issue=_one_line(given.issue, _SUBJECT_LENGTH), **chosen)
        self.stage = Stage.TICKET
        known = self.turn.ticket_reference
        return TicketOpened(
            ticket=known or "new", status="continued" if known else "opened", **chosen
        )

    async def _get_customer_history(self, _: GetCustomerHistory) -> ShownHistory:
        # The stage moves first: a history that cannot be read must not block the turn.
        self.stage = Stage.HISTORY
        recalled = recall(await self._history.messages(self.turn))
        return ShownHistory(
            messages=tuple(
                HistoryMessage(
                    time=line.create_time.isoformat(timespec="seconds"),
                    channel=line.channel.value,
                    speaker=line.role.value,
                    text=line.content,
                )
                for line in recalled.lines
            ),
            earlier=recalled.earlier,
        )

    async def _search_knowledge_base(self, given: SearchKnowledgeBase) -> SearchResults:
        self.stage = Stage.SEARCHED
        mine: list[Evidence] = []
        # Its place is taken before the search: searches that run together may end in any order.
        self._found.append(mine)
        try:
            found = await self._knowledge.search(given.query, SEARCH_LIMIT)
            mine += [evidence for evidence in found if self._is_sound(evidence)]
        finally:
            if not mine:
                self.failed_searches += 1
        return SearchResults(
            query=given.query,
            results=tuple(
                FoundSection(
                    section_id=e.section.section_id,
                    title=e.section.title,
                    content=e.section.content[:SECTION_LENGTH],
                    score=e.score,
                )
                for e in mine
            ),
        )

    def _is_sound(self, evidence: Evidence) -> bool:
        section = evidence.section
        if not speaks_to_the_assistant(section.content):
            return True
        log.warning("a section gives orders to the assistant", section_id=section.section_id)
        return False

    async def _escalate_to_human(self, given: EscalateToHuman) -> HandedOver:
        return self._hand_over(Escalation(EscalationReason(given.reason), given.urgency))

    async def _send_response(self, given: SendResponse) -> ResponseStaged:
        sections = [e.section for e in self.evidence]
        message = rebuilt(without_images(given.message)).strip()
        cited = [cited_text(section) for section in sections]
        wrong = claims.faults(message, cited, own_words=self._phrases.in_answers)
        reason = EscalationReason.UNSUPPORTED_CLAIM
        if claims.gives_away(message, self._confidential, cited):
            log.warning("a draft repeats the instructions", turn_id=str(self.turn.turn_id))
            wrong.append("it repeats instructions that are not for customers")
        if not message:
            wrong = ["nothing is left of it without its images"]
        if not wrong and not self._has_evidence(message):
            wrong = ["no section was found that it could rest on"]
            reason = EscalationReason.WEAK_EVIDENCE
        if wrong:
            self._refused_drafts += 1
            if self._refused_drafts > 1:
                self._hand_over(Escalation(reason, Urgency.NORMAL))
                return ResponseStaged(status="handed_over", because=tuple(wrong))
            raise _RefusedError(
                f"not sent: {'; '.join(wrong)}. Mend the message and send it once more, or escalate"
            )
        self.statements = receipt(message, sections, self._phrases.in_answers)
        self.sources = tuple(
            Source(e.section.section_id, e.section.content_hash, e.section.version)
            for e in supporting(message, self.evidence)
        )
        self._finish(response=message)
        return ResponseStaged(status="staged")

    def _has_evidence(self, draft: str) -> bool:
        best = max((e.score for e in self.evidence), default=0.0)
        if self.turn.escalated:
            return best >= STRONG_EVIDENCE
        return bool(self.evidence) or clarifies(draft)

    def _hand_over(self, decided: Escalation) -> HandedOver:
        if not self.turn.escalated:
            self._finish(escalated=decided)
            return HandedOver(status="handed_over")
        # A person already has the matter: it is said once more, then the person's answer is awaited.
        waiting = self._phrases.waiting
        self._finish(response="" if said_before(waiting, self.turn.matter) else waiting)
        return HandedOver(status="with_a_person_already")

    def _finish(self, response: str = "", escalated: Escalation | None = None) -> None:
        self.response = response
        self.escalation = escalated
        self.stage = Stage.DONE

    def _made(
        self, name: str, arguments: dict[str, object], outcome: str, started: float
    ) -> ToolCall:
        latency = round((self._clock.monotonic() - started) * 1000)
        return ToolCall(name, arguments, outcome, latency)


def _alone_or_together(entry: tuple[int, ToolRequest]) -> int:
    """The same number for neighbours that may run together, a number of its own for any other call."""
    place, request = entry
    tool = BY_NAME.get(request.name)
    return -1 if tool is not None and tool.parallel else place


def _read(place: int, request: ToolRequest) -> tuple[Tool, BaseModel]:
    """Checks a call's name and arguments; `place` is its place in the reply."""
    tool = BY_NAME.get(request.name)
    if tool is None:
        raise _MalformedError(f"there is no tool named {request.name[:64]!r}")
    if place >= CALLS_PER_REPLY:
        raise _RefusedError(f"at most {CALLS_PER_REPLY} calls in one reply; call it once more")
    if len(request.arguments) > ARGUMENTS_LENGTH:
        raise _MalformedError(f"the arguments are longer than {ARGUMENTS_LENGTH} characters")
    try:
        return tool, tool.input.model_validate_json(request.arguments or "{}")
    except ValidationError as error:
        raise _MalformedError(_problem(error)) from error


def _error(request: ToolRequest, message: str) -> ToolAnswered:
    return ToolAnswered(request.call_id, request.name, json.dumps({"error": message}), ok=False)


def _problem(error: ValidationError) -> str:
    wrong = [
        f"{'.'.join(str(place) for place in one['loc']) or 'arguments'}: {one['msg']}"
        for one in error.errors(include_url=False, include_input=False)
    ]
    return f"wrong arguments: {'; '.join(wrong)[:1000]}"


def _one_line(text: str, most: int) -> str:
    line = " ".join(text.split())
    return line if len(line) <= most else line[: most - 1].rsplit(" ", 1)[0] + "…"
