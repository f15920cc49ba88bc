"""The desk: order of calls, typed input, staged effects, and what the model may not choose."""

import asyncio
import json
from typing import TypeAlias

import pytest

from services.agent.application.ports import ToolAnswered, ToolRequest
from services.agent.application.registry import BY_NAME, TOOLS, Stage, Tool
from services.agent.application.tools import ARGUMENTS_LENGTH, CALLS_PER_REPLY, ToolDesk
from services.agent.domain.knowledge import Evidence
from services.agent.domain.turn import EscalationReason, Turn
from tests.fakes.agent import EmptyKnowledge, KnownHistory, MemoryKnowledge
from tests.fakes.phrases import ENGLISH
from tests.unit.agent.turns import form, turn

MESSAGE = "Select **Forgot password?** on the sign-in page."
Call: TypeAlias = tuple[str, dict[str, object] | str]
TICKET: Call = ("create_ticket", {"issue": "Reset a password", "category": "technical"})
HISTORY: Call = ("get_customer_history", {})
SEARCH: Call = ("search_knowledge_base", {"query": "reset password"})
SEND: Call = ("send_response", {"message": MESSAGE})
ESCALATE: Call = ("escalate_to_human", {"reason": "weak_evidence"})


class StillClock:
    def monotonic(self) -> float:
        return 0.0


def desk_for(given: Turn | None = None, *, knowledge: object = None) -> ToolDesk:
    base = knowledge or MemoryKnowledge()
    return ToolDesk(given or turn(), base, KnownHistory(), StillClock(), ENGLISH)  # type: ignore[arg-type]


async def play(desk: ToolDesk, *made: Call) -> ToolAnswered:
    answered = None
    for name, arguments in made:
        text = arguments if isinstance(arguments, str) else json.dumps(arguments)
        answered = await desk.call(ToolRequest("1", name, text))
    assert answered is not None
    return answered


async def test_the_required_order_stages_an_answer() -> None:
    desk = desk_for()
    assert (await play(desk, TICKET, HISTORY, SEARCH, SEND)).ok
    assert desk.stage is Stage.DONE
    assert desk.response.startswith("Select **Forgot password?**")
    assert [call.name for call in desk.calls] == [t[0] for t in (TICKET, HISTORY, SEARCH, SEND)]
    assert {call.outcome for call in desk.calls} == {"ok"}
    assert desk.sources[0].section_id.endswith("reset-a-forgotten-password")


@pytest.mark.parametrize(
    "program",
    [
        [HISTORY],
        [SEARCH],
        [SEND],
        [ESCALATE],
        [TICKET, SEARCH],
        [TICKET, SEND],
        [TICKET, ESCALATE],
        [TICKET, TICKET],
        [TICKET, HISTORY, SEND],
        [TICKET, HISTORY, HISTORY],
        [TICKET, HISTORY, SEARCH, SEND, SEND],
        [TICKET, HISTORY, SEARCH, SEND, ESCALATE],
        [TICKET, HISTORY, ESCALATE, SEND],
    ],
)
async def test_a_call_out_of_order_is_refused_and_recorded(
    program: list[Call],
) -> None:
    desk = desk_for()
    answered = await play(desk, *program)
    assert not answered.ok
    assert "may not be called now" in answered.content
    assert desk.calls[-1].outcome == "refused"
    assert len(desk.calls) == len(program)


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("create_ticket", "{not json"),
        ("create_ticket", {"issue": ""}),
        ("create_ticket", {"issue": "x", "priority": "sky-high"}),
        ("create_ticket", {"issue": "x", "customer_id": "somebody else"}),
        ("create_ticket", "[1]"),
        ("send_response", {"message": "x", "to": "eve@example.com"}),
        ("delete_everything", {}),
    ],
)
async def test_a_malformed_call_is_an_error_for_the_model(
    name: str, arguments: dict[str, object] | str
) -> None:
    desk = desk_for()
    answered = await play(desk, (name, arguments))
    assert not answered.ok
    assert "error" in json.loads(answered.content)
    assert desk.malformed_count == 1
    assert desk.stage is Stage.BEGUN


def test_no_schema_selects_a_customer_or_a_recipient() -> None:
    for tool in TOOLS:
        properties = tool.schema().parameters.get("properties", {})
        assert isinstance(properties, dict)
        assert not {"customer", "email", "phone", "recipient", "to", "id", "channel"} & set(
            "_".join(properties).lower().split("_")
        )
        assert tool.description


async def test_what_the_form_says_counts_more_than_the_model() -> None:
    desk = desk_for(turn(form("Where are my invoices?")))
    await play(desk, TICKET)
    assert desk.ticket is not None
    assert (desk.ticket.category, desk.ticket.priority) == ("billing", "high")


async def test_a_draft_with_a_price_is_mended_once_then_escalated() -> None:
    desk = desk_for()
    priced: Call = ("send_response", {"message": "That costs $49."})
    answered = await play(desk, TICKET, HISTORY, SEARCH, priced)
    assert not answered.ok
    assert "amount of money" in answered.content
    await play(desk, priced)
    assert desk.escalation is not None
    assert desk.escalation.reason is EscalationReason.UNSUPPORTED_CLAIM
    assert desk.response == ""


async def test_a_statement_without_any_section_is_not_sent_but_a_question_is() -> None:
    desk = desk_for(knowledge=EmptyKnowledge())
    said: Call = ("send_response", {"message": "Open the settings and all will be well."})
    assert not (await play(desk, TICKET, HISTORY, SEARCH, said)).ok
    asking: Call = ("send_response", {"message": "Which board do you mean?"})
    assert (await play(desk, asking)).ok


async def test_a_search_that_fails_is_told_to_the_model_and_counted() -> None:
    desk = desk_for(knowledge=EmptyKnowledge(failing=True))
    answered = await play(desk, TICKET, HISTORY, SEARCH)
    assert not answered.ok
    assert desk.calls[-1].outcome == "failed"
    assert desk.failed_searches == 1


async def test_a_matter_that_waits_for_a_person_is_not_escalated_again() -> None:
    desk = desk_for(turn(escalated=True))
    await play(desk, TICKET, HISTORY, SEARCH, ESCALATE)
    assert desk.escalation is None
    assert desk.response == ENGLISH.waiting


class MeetingKnowledge:
    """Answers a search only when `together` of them are under way, the last one first."""

    def __init__(self, together: int) -> None:
        self._together = together
        self._waiting: list[asyncio.Event] = []
        self.most = 0
        self._known = MemoryKnowledge()

    async def search(self, query: str, limit: int) -> list[Evidence]:
        mine = asyncio.Event()
        self._waiting.append(mine)
        self.most = max(self.most, len(self._waiting))
        if len(self._waiting) == self._together:
            self._waiting[-1].set()
        async with asyncio.timeout(5):
            await mine.wait()
        self._waiting.remove(mine)
        if self._waiting:
            self._waiting[-1].set()
        return await self._known.search(query, limit)


def request(number: int, made: Call) -> ToolRequest:
    name, arguments = made
    text = arguments if isinstance(arguments, str) else json.dumps(arguments)
    return ToolRequest(f"call-{number}", name, text)


async def test_searches_of_one_reply_run_together_and_are_kept_in_their_order() -> None:
    knowledge = MeetingKnowledge(together=3)
    desk = desk_for(knowledge=knowledge)
    queries = ["find my invoices", "reset password", "add users"]
    searches: list[Call] = [("search_knowledge_base", {"query": q}) for q in queries]
    made = [TICKET, HISTORY, *searches]
    answered = await desk.call_all([request(n, one) for n, one in enumerate(made)])
    assert knowledge.most == 3
    assert [one.call_id for one in answered] == [f"call-{n}" for n in range(5)]
    assert [json.loads(one.content)["query"] for one in answered[2:]] == queries
    assert [call.arguments["query"] for call in desk.calls[2:]] == queries
    first = {q: (await MemoryKnowledge().search(q, 1))[0].section.section_id for q in queries}
    places = [e.section.section_id for e in desk.evidence]
    assert sorted(places.index(first[q]) for q in queries) == [
        places.index(first[q]) for q in queries
    ]


async def test_what_changes_something_runs_alone_and_in_order() -> None:
    desk = desk_for()
    made = [SEARCH, TICKET, SEARCH, HISTORY, SEARCH, SEND, SEARCH]
    answered = await desk.call_all([request(n, one) for n, one in enumerate(made)])
    assert [one.ok for one in answered] == [False, True, False, True, True, True, False]
    assert desk.stage is Stage.DONE


async def test_malformed_calls_of_one_reply_count_once_and_too_many_are_refused() -> None:
    desk = desk_for()
    await desk.call_all([request(n, ("nothing", {})) for n in range(3)])
    assert desk.malformed_count == 1
    await play(desk, TICKET, HISTORY)
    answered = await desk.call_all([request(n, SEARCH) for n in range(CALLS_PER_REPLY + 2)])
    assert [one.ok for one in answered] == [True] * CALLS_PER_REPLY + [False] * 2
    assert len(desk.calls) == 3 + 2 + CALLS_PER_REPLY + 2


async def test_arguments_without_end_are_malformed() -> None:
    desk = desk_for()
    await play(desk, ("create_ticket", '{"issue": "' + "x" * ARGUMENTS_LENGTH + '"}'))
    assert desk.malformed_count == 1


@pytest.mark.parametrize("tool", TOOLS, ids=lambda tool: tool.name)
def test_every_tool_has_typed_input_and_output(tool: Tool) -> None:
    schema = tool.schema()
    assert schema.parameters["type"] == schema.result["type"] == "object"
    assert schema.parameters["additionalProperties"] is False
    assert schema.result["properties"]
    assert tool.stages
    assert all(stage < tool.leads_to or tool.parallel for stage in tool.stages)


@pytest.mark.parametrize("tool", TOOLS, ids=lambda tool: tool.name)
async def test_what_a_tool_returns_fits_its_output_schema(tool: Tool) -> None:
    desk = desk_for()
    program = [TICKET, HISTORY, SEARCH, SEND]
    if tool.name == "escalate_to_human":
        program = [TICKET, HISTORY, ESCALATE]
    answered = await desk.call_all([request(n, one) for n, one in enumerate(program)])
    (content,) = [one.content for one in answered if one.name == tool.name]
    given = json.loads(content)
    properties = tool.schema().result["properties"]
    assert isinstance(properties, dict)
    assert set(given) == set(properties)
    tool.output.model_validate(given)


async def test_a_program_of_calls_leads_where_the_registry_says() -> None:
    desk = desk_for()
    for made in (TICKET, HISTORY, SEARCH, SEARCH, SEND):
        await play(desk, made)
        assert desk.stage is BY_NAME[made[0]].leads_to


@pytest.mark.parametrize(
    "reason", ["model_fault", "budget_spent", "delivery_failure", "", "because"]
)
async def test_a_model_cannot_give_a_reason_that_is_a_fact_about_the_system(reason: str) -> None:
    desk = desk_for()
    await play(desk, TICKET, HISTORY, ("escalate_to_human", {"reason": reason}))
    assert (desk.escalation, desk.malformed_count) == (None, 1)
