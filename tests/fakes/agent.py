"""The agent's ports in memory: the real documentation without a database, no history, scripted models."""

import json
from collections.abc import Collection, Sequence
from functools import cache
from pathlib import Path

from services.agent.adapters.judge import LocalJudge, load_judge
from services.agent.adapters.knowledge_folder import read_folder
from services.agent.adapters.knowledge_memory import MemoryKnowledgeBase
from services.agent.application.ports import (
    Embedder,
    LookupUnavailable,
    ModelReply,
    ModelRequest,
    ModelUnavailable,
    ToolRequest,
)
from services.agent.domain.judgement import Judgement
from services.agent.domain.knowledge import Evidence
from services.agent.domain.turn import Channel, HistoryLine, InboundText, Turn
from services.agent.domain.usage import DaySpent, Spent, Usage

CONTEXT = Path(__file__).resolve().parents[2] / "context"


@cache
def local_judge() -> LocalJudge:
    """The agent's own judge with the company's phrases, loaded once."""
    return load_judge(CONTEXT)


class MemoryKnowledge(MemoryKnowledgeBase):
    """The documentation of a folder; without an embedder by words alone, so that no model is loaded."""

    def __init__(self, folder: Path = CONTEXT, embedder: Embedder | None = None) -> None:
        documents, problems = read_folder(folder)
        assert not problems
        super().__init__([s for found in documents.values() for s in found], embedder)
        self.queries: list[str] = []

    async def search(self, query: str, limit: int, without: Collection[str] = ()) -> list[Evidence]:
        self.queries.append(query)
        return await super().search(query, limit, without)


class EmptyKnowledge:
    """Finds nothing, or fails when told to."""

    def __init__(self, *, failing: bool = False) -> None:
        self._failing = failing

    async def search(self, query: str, limit: int) -> list[Evidence]:
        if self._failing:
            raise LookupUnavailable(query[:limit])
        return []


class KnownHistory:
    """Returns the lines it was made with."""

    def __init__(self, lines: Sequence[HistoryLine] = ()) -> None:
        self._lines = list(lines)

    async def messages(self, turn: Turn) -> list[HistoryLine]:
        known = {message.message_id for message in turn.batch}
        return [line for line in self._lines if line.message_id not in known]


class ScriptedModel:
    """Plays prepared replies in order; an exception in the script is raised, the last entry repeats."""

    name = "scripted"

    def __init__(self, *script: ModelReply | Exception) -> None:
        self._script = list(script)
        self.requests: list[ModelRequest] = []

    async def respond(self, request: ModelRequest) -> ModelReply:
        self.requests.append(request)
        entry = self._script[min(len(self.requests), len(self._script)) - 1]
        if isinstance(entry, Exception):
            raise entry
        return entry


def calls(*made: tuple[str, dict[str, object] | str], tokens: int = 10) -> ModelReply:
    """A reply with tool calls; arguments given as text are passed on as they are."""
    return ModelReply(
        tool_calls=tuple(
            ToolRequest(
                f"call-{place}",
                name,
                arguments if isinstance(arguments, str) else json.dumps(arguments),
            )
            for place, (name, arguments) in enumerate(made)
        ),
        usage=Usage(calls=1, input_tokens=tokens),
    )


class MemoryUsage:
    """The usage ledger of one day in memory."""

    def __init__(self, day: DaySpent | None = None) -> None:
        self.day = day or DaySpent()
        self.charged: list[tuple[str, Usage, int]] = []
        self.stopped: list[str] = []

    async def open(self, turn: Turn, model: str) -> DaySpent:
        return self._add(Spent(turns=1))

    async def charge(self, turn: Turn, model: str, usage: Usage, cost: int) -> DaySpent:
        self.charged.append((model, usage, cost))
        return self._add(Spent(tokens=usage.tokens, cost=cost))

    async def stop(self, turn: Turn, model: str) -> None:
        self.stopped.append(model)

    def _add(self, spent: Spent) -> DaySpent:
        self.day = DaySpent(
            _sum(self.day.customer, spent),
            _sum(self.day.installation, spent),
        )
        return self.day


def _sum(one: Spent, other: Spent) -> Spent:
    return Spent(one.turns + other.turns, one.tokens + other.tokens, one.cost + other.cost)


AWAY = ModelUnavailable("APIConnectionError")


class LenientJudge:
    """Lets every message through to the model, so that what comes later is tested alone."""

    async def judge(self, messages: Sequence[InboundText], channel: Channel) -> Judgement:
        return Judgement(escalation=None, score=0.0, sentiment=0.0, language="en")
