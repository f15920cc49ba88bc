"""The agent's ports in memory: the real documentation without a database, no history, scripted models."""

import json
from collections.abc import Collection, Sequence
from pathlib import Path

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
from services.agent.domain.knowledge import Evidence
from services.agent.domain.turn import HistoryLine, Turn

CONTEXT = Path(__file__).resolve().parents[2] / "context"


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
        self.limits: list[int] = []

    async def last_messages(self, turn: Turn, limit: int) -> list[HistoryLine]:
        self.limits.append(limit)
        known = {message.message_id for message in turn.batch}
        return [line for line in self._lines if line.message_id not in known][:limit]


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
        tokens_used=tokens,
    )


AWAY = ModelUnavailable("APIConnectionError")
