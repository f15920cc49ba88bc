"""The five tools: typed input, typed output, and when each may be called. Whoever offers tools offers these.

The customer and the recipient are never parameters: they are the turn's.
"""

from dataclasses import dataclass
from enum import IntEnum
from typing import Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

from services.agent.application.ports import ToolSchema
from services.agent.domain.turn import Urgency

Category: TypeAlias = Literal["general", "technical", "billing", "feedback", "bug_report"]
Priority: TypeAlias = Literal["low", "medium", "high", "urgent"]


class _Input(BaseModel):
    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)


class _Output(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class CreateTicket(_Input):
    """Opens the ticket of this matter, or goes on with the one that is open. Always the first call."""

    issue: str = Field(min_length=1, max_length=2000, description="the matter in one line")
    priority: Priority = "medium"
    category: Category = "general"


class TicketOpened(_Output):
    """The ticket that the matter has now; a new one gets its reference with the commit."""

    ticket: str = Field(description="the reference of the ticket that goes on, or 'new'")
    status: Literal["opened", "continued"]
    category: Category
    priority: Priority


class GetCustomerHistory(_Input):
    """Lists the customer's last 20 messages over all channels, newest first, and sums up those before them. Always the second call."""


class HistoryMessage(_Output):
    """One earlier message."""

    time: str = Field(description="ISO 8601 with zone")
    channel: str
    speaker: str = Field(serialization_alias="from", description="customer, ai, human or system")
    text: str


class CustomerHistory(_Output):
    """What was said before: the newest messages whole, all earlier ones summed up."""

    # What changes least comes first.
    earlier: str = Field(default="", description="all older messages, summed up, oldest first")
    messages: tuple[HistoryMessage, ...]


class SearchKnowledgeBase(_Input):
    """Searches the company's documentation. One search for each question, before any answer."""

    query: str = Field(min_length=1, max_length=500, description="the question in keywords")


class FoundSection(_Output):
    """One section that is evidence for the question."""

    section_id: str
    title: str
    content: str
    score: float = Field(description="how much of the question it covers, in [0, 1]")


class SearchResults(_Output):
    """The sections found, best first; none if the documentation does not answer."""

    query: str
    results: tuple[FoundSection, ...]


# The other reasons of the closed list are facts about the system, which no model can state.
GivenReason: TypeAlias = Literal[
    "pricing_inquiry",
    "refund_request",
    "legal_language",
    "negative_sentiment",
    "profanity",
    "explicit_human_request",
    "whatsapp_human_keyword",
    "two_failed_searches",
    "weak_evidence",
    "unsupported_claim",
    "conflicting_identity",
]


class EscalateToHuman(_Input):
    """Hands the matter to a person instead of answering. A last call; nothing follows it."""

    reason: GivenReason = Field(description="why a person must take over")
    urgency: Urgency = Urgency.NORMAL


class HandedOver(_Output):
    """Whether a person has the matter with this call or had it before."""

    status: Literal["handed_over", "with_a_person_already"]


class SendResponse(_Input):
    """Sends the answer to the customer of this turn on the channel of this turn. A last call; nothing follows it."""

    message: str = Field(min_length=1, max_length=6000, description="the whole answer in Markdown")


class ResponseStaged(_Output):
    """Whether the answer will be sent with the commit, or a person got the matter instead."""

    status: Literal["staged", "handed_over"]
    because: tuple[str, ...] = Field(default=(), description="what was wrong with the message")


class Stage(IntEnum):
    """How far the turn has come; it never goes back."""

    BEGUN = 0
    TICKET = 1
    HISTORY = 2
    SEARCHED = 3
    DONE = 4


@dataclass(frozen=True, slots=True)
class Tool:
    """One tool: what goes in and comes out, the stages in which it may be called, and the stage it leads to.

    `parallel` calls change nothing, so those of one reply may run at the same time.
    """

    name: str
    input: type[BaseModel]
    output: type[BaseModel]
    stages: frozenset[Stage]
    leads_to: Stage
    parallel: bool = False

    @property
    def description(self) -> str:
        """What the tool does and when it may be called, in one or two sentences."""
        return (self.input.__doc__ or "").strip()

    def schema(self) -> ToolSchema:
        """Returns the tool as a model sees it."""
        return ToolSchema(
            self.name,
            self.description,
            self.input.model_json_schema(),
            self.output.model_json_schema(mode="serialization"),
        )


_LOOKED_BACK = frozenset({Stage.HISTORY, Stage.SEARCHED})
TOOLS = (
    Tool("create_ticket", CreateTicket, TicketOpened, frozenset({Stage.BEGUN}), Stage.TICKET),
    Tool(
        "get_customer_history",
        GetCustomerHistory,
        CustomerHistory,
        frozenset({Stage.TICKET}),
        Stage.HISTORY,
    ),
    Tool(
        "search_knowledge_base",
        SearchKnowledgeBase,
        SearchResults,
        _LOOKED_BACK,
        Stage.SEARCHED,
        parallel=True,
    ),
    Tool("escalate_to_human", EscalateToHuman, HandedOver, _LOOKED_BACK, Stage.DONE),
    Tool("send_response", SendResponse, ResponseStaged, frozenset({Stage.SEARCHED}), Stage.DONE),
)
BY_NAME = {tool.name: tool for tool in TOOLS}


def callable_now(stage: Stage) -> str:
    """Says in words which tools may be called in a stage."""
    names = [tool.name for tool in TOOLS if stage in tool.stages]
    return " or ".join(names) if names else "nothing: the turn is finished"
