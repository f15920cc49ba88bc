"""What thinking needs from outside: a model, the knowledge base, the customer's history and a clock."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from services.agent.domain.judgement import Judgement
from services.agent.domain.knowledge import Evidence
from services.agent.domain.phrases import Phrases
from services.agent.domain.turn import Channel, HistoryLine, InboundText, Turn
from services.agent.domain.usage import DaySpent, Usage


@dataclass(frozen=True, slots=True)
class SystemNote:
    """What the system tells the model in the course of a turn."""

    text: str


@dataclass(frozen=True, slots=True)
class CustomerSaid:
    """One message of the customer: untrusted, and delimited by whoever sends it to a model."""

    channel: Channel
    text: str
    subject: str = ""


@dataclass(frozen=True, slots=True)
class ToolRequest:
    """A tool call as the model wrote it; `arguments` is unchecked JSON text."""

    call_id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class ModelSaid:
    """One reply of the model: plain text, tool calls or both."""

    text: str = ""
    tool_calls: tuple[ToolRequest, ...] = ()


@dataclass(frozen=True, slots=True)
class ToolAnswered:
    """What a tool call brought: JSON text, or an error for the model to mend."""

    call_id: str
    name: str
    content: str
    ok: bool


TranscriptItem: TypeAlias = SystemNote | CustomerSaid | ModelSaid | ToolAnswered


@dataclass(frozen=True, slots=True)
class ToolSchema:
    """A tool as its callers see it; `parameters` and `result` are JSON schemas of what goes in and comes out."""

    name: str
    description: str
    parameters: Mapping[str, object]
    result: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class ModelRequest:
    """Everything that a model is asked with; `system` and `tools` are the same bytes in every turn.

    In the course of a turn `transcript` only grows at its end. `phrases` are what we say by ourselves in the
    customer's language.
    """

    system: str
    transcript: Sequence[TranscriptItem]
    tools: Sequence[ToolSchema]
    channel: Channel
    phrases: Phrases


@dataclass(frozen=True, slots=True)
class ModelReply:
    """What the model answered, and what it cost.

    `declined` is true when it refused or its provider withheld the reply: there is nothing to go on with.
    """

    text: str = ""
    tool_calls: tuple[ToolRequest, ...] = ()
    usage: Usage = field(default_factory=Usage)
    declined: bool = False


class ModelUnavailable(Exception):
    """The model could not be asked, or what came back is no reply; retries are already spent.

    `usage` is what the attempt cost all the same: its retries, and tokens if the provider counted any.
    """

    def __init__(self, message: str, usage: Usage | None = None) -> None:
        super().__init__(message)
        self.usage = usage or Usage()


class LookupUnavailable(Exception):
    """A tool's source of data did not answer this query."""


class LanguageModel(Protocol):
    """Whoever decides the next step of a turn."""

    @property
    def name(self) -> str:
        """The model's name as it is recorded with an answer."""

    async def respond(self, request: ModelRequest) -> ModelReply:
        """Returns the next text or tool calls.

        Raises:
            ModelUnavailable: if the provider is down, refuses or answers nonsense.
        """


class UsageLedger(Protocol):
    """What models cost, by day (UTC) and customer; it outlives the process, and void turns are in it."""

    async def open(self, turn: Turn, model: str) -> DaySpent:
        """Counts a turn that asks a model; returns what was spent today, this turn among it."""

    async def charge(self, turn: Turn, model: str, usage: Usage, cost: int) -> DaySpent:
        """Adds what one call cost, `cost` in millionths of a dollar; returns what was spent today."""

    async def stop(self, turn: Turn, model: str) -> None:
        """Counts a turn in which the model was not asked, or not again, because a budget was spent."""


# One row a text; each row has length 1, so that a dot product is a cosine.
Vectors: TypeAlias = NDArray[np.float32]


class Embedder(Protocol):
    """Whoever turns texts into vectors whose nearness is nearness of meaning."""

    @property
    def model(self) -> str:
        """The id that is kept beside every vector: vectors of two models never meet."""

    @property
    def dimension(self) -> int:
        """Components of a vector."""

    async def embed(self, texts: Sequence[str]) -> Vectors:
        """Returns one unit vector a text of the documentation, in their order, without blocking the event loop.

        Raises:
            LookupUnavailable: if the model could not be asked.
        """

    async def embed_questions(self, questions: Sequence[str]) -> Vectors:
        """Returns one unit vector a question, to be compared with those of `embed`; else the same."""


class Judge(Protocol):
    """Whoever decides on the customer's words alone that a person must take over."""

    async def judge(self, messages: Sequence[InboundText], channel: Channel) -> Judgement:
        """Judges a batch of at least one message of one channel, without blocking the event loop.

        Any exception means that nothing was judged, and that a person must look.
        """


class KnowledgeBase(Protocol):
    """The company's documentation."""

    async def search(self, query: str, limit: int) -> list[Evidence]:
        """Returns the sections that are evidence for a question, best first; empty if none is.

        Raises:
            LookupUnavailable: if the search itself failed.
        """


class CustomerHistory(Protocol):
    """What was said before, as far as the turn's side may see it."""

    async def messages(self, turn: Turn) -> list[HistoryLine]:
        """Returns what was said over all channels, newest first, without the turn's own batch.

        The newest 20 are whole. Of the others the beginnings suffice, and however many there are, no more than a few
        thousand come.
        """


class Clock(Protocol):
    """Time for waiting and measuring, which never runs backwards."""

    def monotonic(self) -> float:
        """Returns seconds from an arbitrary start."""
