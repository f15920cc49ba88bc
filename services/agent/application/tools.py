"""The five tools: one registry with typed input, and the desk that runs them in order for one turn.

Effects are only staged. The customer and the recipient are never parameters: they are the turn's.
"""

import json
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Literal

import structlog
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from services.agent.application.ports import (
    Clock,
    CustomerHistory,
    KnowledgeBase,
    LookupUnavailable,
    ToolAnswered,
    ToolRequest,
    ToolSchema,
)
from services.agent.domain import claims
from services.agent.domain.drafts import WAITING, clarifies, said_before, supporting
from services.agent.domain.grounding import cited_text, receipt
from services.agent.domain.injection import speaks_to_the_assistant
from services.agent.domain.knowledge import Evidence
from services.agent.domain.links import rebuilt, without_images
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

HISTORY_LIMIT = 20
SEARCH_LIMIT = 4
FAILED_SEARCHES = 2
# While a person has the matter, the AI answers a new question only from evidence as good as this.
STRONG_EVIDENCE = 0.7
_SUBJECT_LENGTH = 120
_PRIORITIES = {Urgency.CRITICAL: "urgent", Urgency.HIGH: "high"}


class _Input(BaseModel):
    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)


class CreateTicket(_Input):
    """Opens the ticket of this matter, or goes on with the one that is open. Always the first call."""

    issue: str = Field(min_length=1, max_length=2000, description="the matter in one line")
    priority: Literal["low", "medium", "high", "urgent"] = "medium"
    category: Literal["general", "technical", "billing", "feedback", "bug_report"] = "general"


class GetCustomerHistory(_Input):
    """Lists the customer's last 20 messages over all channels, newest first. Always the second call."""


class SearchKnowledgeBase(_Input):
    """Searches the company's documentation. One search for each question, before any answer."""

    query: str = Field(min_length=1, max_length=500, description="the question in keywords")


class EscalateToHuman(_Input):
    """Hands the matter to a person instead of answering. A last call; nothing follows it."""

    reason: EscalationReason = Field(description="why a person must take over")
    urgency: Urgency = Urgency.NORMAL


class SendResponse(_Input):
    """Sends the answer to the customer of this turn on the channel of this turn. A last call; nothing follows it."""

    message: str = Field(min_length=1, max_length=6000, description="the whole answer in Markdown")


class Stage(IntEnum):
    """How far the turn has come."""

    BEGUN = 0
    TICKET = 1
    HISTORY = 2
    SEARCHED = 3
    DONE = 4


@dataclass(frozen=True, slots=True)
class Tool:
    """One tool: its input, and the stages in which it may be called."""

    name: str
    input: type[BaseModel]
    stages: frozenset[Stage]

    @property
    def description(self) -> str:
        """What the tool does and when it may be called, in one or two sentences."""
        return (self.input.__doc__ or "").strip()

    def schema(self) -> ToolSchema:
        """Returns the tool as a model sees it."""
        return ToolSchema(self.name, self.description, self.input.model_json_schema())


TOOLS = (
    Tool("create_ticket", CreateTicket, frozenset({Stage.BEGUN})),
    Tool("get_customer_history", GetCustomerHistory, frozenset({Stage.TICKET})),
    Tool("search_knowledge_base", SearchKnowledgeBase, frozenset({Stage.HISTORY, Stage.SEARCHED})),
    Tool("escalate_to_human", EscalateToHuman, frozenset({Stage.HISTORY, Stage.SEARCHED})),
    Tool("send_response", SendResponse, frozenset({Stage.SEARCHED})),
)
_BY_NAME = {tool.name: tool for tool in TOOLS}
_NEXT = {
    Stage.BEGUN: "create_ticket",
    Stage.TICKET: "get_customer_history",
    Stage.HISTORY: "search_knowledge_base or escalate_to_human",
    Stage.SEARCHED: "search_knowledge_base, send_response or escalate_to_human",
    Stage.DONE: "nothing: the turn is finished",
}


class _RefusedError(Exception):
    """The call is well formed but must not happen; the message is for the model."""


class ToolDesk:
    """Runs the tool calls of one turn, stages their effects and records every call in order."""

    def __init__(
        self,
        turn: Turn,
        knowledge: KnowledgeBase,
        history: CustomerHistory,
        clock: Clock,
        *,
        confidential: str = "",
        own_words: Sequence[str] = (),
    ) -> None:
        self.turn = turn
        self.stage = Stage.BEGUN
        self.ticket: CreateTicket | None = None
        self.response = ""
        self.escalation: Escalation | None = None
        self.evidence: list[Evidence] = []
        self.sources: tuple[Source, ...] = ()
        self.statements: tuple[Statement, ...] = ()
        self.calls: list[ToolCall] = []
        self.malformed_count = 0
        self.failed_searches = 0
        self._refused_drafts = 0
        self._knowledge = knowledge
        self._history = history
        self._clock = clock
        self._confidential = confidential
        self._own_words = own_words

    async def call(self, request: ToolRequest) -> ToolAnswered:
        """Runs one call of the model; what is wrong with it comes back as an error for the model to mend."""
        started = self._clock.monotonic()
        tool = _BY_NAME.get(request.name)
        if tool is None:
            self.malformed_count += 1
            self._record(request.name[:64], {}, "refused", started)
            return _error(request, f"there is no tool named {request.name[:64]!r}")
        try:
            given = tool.input.model_validate_json(request.arguments or "{}")
        except ValidationError as error:
            self.malformed_count += 1
            self._record(request.name[:64], {}, "refused", started)
            return _error(request, _problem(error))
        arguments: dict[str, object] = given.model_dump(mode="json")
        if self.stage not in tool.stages:
            self._record(tool.name, arguments, "refused", started)
            return _error(
                request, f"{tool.name} may not be called now; next is {_NEXT[self.stage]}"
            )
        try:
            result = await self._run(tool.name, given)
        except _RefusedError as error:
            self._record(tool.name, arguments, "refused", started)
            return _error(request, str(error))
        except LookupUnavailable:
            self._record(tool.name, arguments, "failed", started)
            return _error(request, f"{tool.name} is not available at the moment; go on without it")
        self._record(tool.name, arguments, "ok", started)
        return ToolAnswered(
            request.call_id, tool.name, json.dumps(result, ensure_ascii=False), ok=True
        )

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
        arguments = json.dumps({"reason": decided.reason.value, "urgency": decided.urgency.value})
        await self.call(ToolRequest("code-3", "escalate_to_human", arguments))

    def respond_by_code(self, message: str) -> None:
        """Stages a text of our own that rests on no documentation: a clarifying question, a courtesy."""
        started = self._clock.monotonic()
        self._finish(response=message)
        self._record("send_response", {"message": message}, "ok", started)

    async def _run(self, name: str, given: BaseModel) -> dict[str, object]:
        run: dict[str, Callable[[Any], Coroutine[Any, Any, dict[str, object]]]] = {
            "create_ticket": self._create_ticket,
            "get_customer_history": self._get_customer_history,
            "search_knowledge_base": self._search_knowledge_base,
            "escalate_to_human": self._escalate_to_human,
            "send_response": self._send_response,
        }
        return await run[name](given)

    async def _create_ticket(self, given: CreateTicket) -> dict[str, object]:
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
        return {"ticket": known or "new", "status": "continued" if known else "opened", **chosen}

    async def _get_customer_history(self, _: GetCustomerHistory) -> dict[str, object]:
        # The stage moves first: a history that cannot be read must not block the turn.
        self.stage = Stage.HISTORY
        lines = await self._history.last_messages(self.turn, HISTORY_LIMIT)
        return {
            "messages": [
                {
                    "time": line.create_time.isoformat(timespec="seconds"),
                    "channel": line.channel.value,
                    "from": line.role.value,
                    "text": line.content,
                }
                for line in lines
            ]
        }

    async def _search_knowledge_base(self, given: SearchKnowledgeBase) -> dict[str, object]:
        self.stage = Stage.SEARCHED
        try:
            found = await self._knowledge.search(given.query, SEARCH_LIMIT)
        except LookupUnavailable:
            self.failed_searches += 1
            raise
        found = [e for e in found if self._is_sound(e)]
        if not found:
            self.failed_searches += 1
        known = {evidence.section.section_id for evidence in self.evidence}
        self.evidence += [e for e in found if e.section.section_id not in known]
        return {
            "query": given.query,
            "results": [
                {
                    "section_id": e.section.section_id,
                    "title": e.section.title,
                    "content": e.section.content,
                    "score": e.score,
                }
                for e in found
            ],
        }

    def _is_sound(self, evidence: Evidence) -> bool:
        section = evidence.section
        if not speaks_to_the_assistant(section.content):
            return True
        log.warning("a section gives orders to the assistant", section_id=section.section_id)
        return False

    async def _escalate_to_human(self, given: EscalateToHuman) -> dict[str, object]:
        if self.turn.escalated:
            # A person already has the matter: it is said once more, then the person's answer is awaited.
            self._finish(response="" if said_before(WAITING, self.turn.history) else WAITING)
            return {"status": "a person already has this matter"}
        self._finish(escalated=Escalation(given.reason, given.urgency))
        return {"status": "handed over"}

    async def _send_response(self, given: SendResponse) -> dict[str, object]:
        sections = [e.section for e in self.evidence]
        message = rebuilt(without_images(given.message)).strip()
        cited = [cited_text(section) for section in sections]
        wrong = claims.faults(message, cited, own_words=self._own_words)
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
                await self._escalate_to_human(EscalateToHuman(reason=reason))
                return {"status": "not sent; handed over to a person", "because": wrong}
            raise _RefusedError(
                f"not sent: {'; '.join(wrong)}. Mend the message and send it once more, or escalate"
            )
        self.statements = receipt(message, sections, self._own_words)
        self.sources = tuple(
            Source(e.section.section_id, e.section.content_hash, e.section.version)
            for e in supporting(message, self.evidence)
        )
        self._finish(response=message)
        return {"status": "staged"}

    def _has_evidence(self, draft: str) -> bool:
        best = max((e.score for e in self.evidence), default=0.0)
        if self.turn.escalated:
            return best >= STRONG_EVIDENCE
        return bool(self.evidence) or clarifies(draft)

    def _finish(self, response: str = "", escalated: Escalation | None = None) -> None:
        self.response = response
        self.escalation = escalated
        self.stage = Stage.DONE

    def _record(
        self, name: str, arguments: dict[str, object], outcome: str, started: float
    ) -> None:
        latency = round((self._clock.monotonic() - started) * 1000)
        self.calls.append(ToolCall(name, arguments, outcome, latency))


def _error(request: ToolRequest, message: str) -> ToolAnswered:
    return ToolAnswered(request.call_id, request.name, json.dumps({"error": message}), ok=False)


def _problem(error: ValidationError) -> str:
    wrong = [
        f"{'.'.join(str(place) for place in one['loc']) or 'arguments'}: {one['msg']}"
        for one in error.errors(include_url=False, include_input=False)
    ]
    return f"wrong arguments: {'; '.join(wrong)}"


def _one_line(text: str, most: int) -> str:
    line = " ".join(text.split())
    return line if len(line) <= most else line[: most - 1].rsplit(" ", 1)[0] + "…"
