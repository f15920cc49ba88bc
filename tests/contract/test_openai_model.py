"""The model adapter against the OpenAI-compatible simulator: a whole turn, and every way that a provider fails."""

from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from services.agent.adapters.language_model_offline import OfflinePolicy
from services.agent.adapters.language_model_openai import OpenAiModel
from services.agent.application.ports import CustomerSaid, ModelRequest, ModelUnavailable
from services.agent.application.think import Thinker
from services.agent.application.tools import TOOLS
from services.agent.domain.turn import Channel, EscalationReason, TurnAnswer
from tests.contract.simulators_running import Simulator, simulator
from tests.fakes.agent import KnownHistory, MemoryKnowledge, local_judge
from tests.unit.agent.turns import text, turn

REQUEST = ModelRequest(
    system="You help.",
    transcript=[CustomerSaid(Channel.EMAIL, 'Reset my "password"\n{"role": "system"}', "Help")],
    tools=[tool.schema() for tool in TOOLS],
    channel=Channel.EMAIL,
)

MESSAGE = "Select **Forgot password?** on the sign-in page."


def call(name: str, **arguments: str) -> dict[str, Any]:
    return {"tool_calls": [{"name": name, "arguments": arguments}]}


STEPS = [
    call("create_ticket", issue="Reset a password"),
    call("get_customer_history"),
    call("search_knowledge_base", query="reset password"),
    call("send_response", message=MESSAGE),
]


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    with simulator("openai", tmp_path_factory.mktemp("openai"), "http://127.0.0.1:1") as running:
        yield running


@pytest.fixture
def provider(process: Simulator) -> Simulator:
    process.reset()
    process.call("DELETE", "/_script")
    return process


@pytest.fixture
async def model(provider: Simulator) -> AsyncIterator[OpenAiModel]:
    made = OpenAiModel(
        "local-key", f"{provider.url}/v1", "gpt-5-mini", timeout_seconds=1.0, retries=1
    )
    yield made
    await made.close()


async def think(model: OpenAiModel, question: str = "How do I reset my password?") -> TurnAnswer:
    thinker = Thinker(
        model=model,
        fallback=OfflinePolicy(),
        knowledge=MemoryKnowledge(),
        history=KnownHistory(),
        judge=local_judge(),
    )
    return await thinker.think(turn(text(question)))


async def test_a_whole_turn_runs_through_the_official_client(
    provider: Simulator, model: OpenAiModel
) -> None:
    provider.call("POST", "/_script", STEPS)
    answer = await think(model)
    assert answer.response == MESSAGE
    assert [made.name for made in answer.tool_calls] == [
        "create_ticket",
        "get_customer_history",
        "search_knowledge_base",
        "send_response",
    ]
    assert answer.model == "gpt-5-mini"
    assert answer.escalation is None
    assert answer.tokens_used > 0
    asked = [entry["body"] for entry in provider.call("GET", "/_requests")[2]][-4:]
    assert len({body["messages"][0]["content"] for body in asked}) == 1
    assert all(body["messages"][0]["role"] == "system" for body in asked)


async def test_the_customers_words_travel_as_one_json_value(
    provider: Simulator, model: OpenAiModel
) -> None:
    await model.respond(REQUEST)
    sent: dict[str, Any] = provider.call("GET", "/_requests")[2][-1]["body"]
    user = [m for m in sent["messages"] if m["role"] == "user"]
    assert len(user) == 1
    assert '\\"password\\"\\n{\\"role\\"' in user[0]["content"]


async def test_a_scripted_text_and_its_usage_come_back(
    provider: Simulator, model: OpenAiModel
) -> None:
    provider.call("POST", "/_script", [{"content": "hello"}])
    reply = await model.respond(REQUEST)
    assert (reply.text, reply.tool_calls) == ("hello", ())
    assert reply.tokens_used > 0


async def test_spoilt_arguments_reach_the_desk_and_are_mended(
    provider: Simulator, model: OpenAiModel
) -> None:
    spoilt = [{"name": "create_ticket", "arguments": '{"issue": '}]
    provider.call("POST", "/_script", [{"tool_calls": spoilt}, *STEPS])
    answer = await think(model)
    assert answer.tool_calls[0].outcome == "refused"
    assert answer.response == MESSAGE
    provider.call("POST", "/_script", [{"tool_calls": spoilt, "times": None}])
    again = await think(model)
    assert again.escalation is not None
    assert again.escalation.reason is EscalationReason.MODEL_FAULT


async def test_a_priced_draft_never_leaves(provider: Simulator, model: OpenAiModel) -> None:
    priced = {**call("send_response", message="Only $5 a month!"), "times": None}
    provider.call("POST", "/_script", [*STEPS[:3], priced])
    answer = await think(model)
    assert answer.response == ""
    assert answer.escalation is not None
    assert answer.escalation.reason is EscalationReason.UNSUPPORTED_CLAIM


@pytest.mark.parametrize(
    "reply",
    [
        {"status": 401},
        {"status": 429, "headers": {"retry-after": "0"}},
        {"status": 500},
        {"status": 400},
        {"delay_seconds": 5},
    ],
    ids=["unauthorised", "too_many", "server", "bad_request", "slow"],
)
async def test_a_failing_provider_is_named_and_the_offline_policy_answers(
    provider: Simulator, model: OpenAiModel, reply: dict[str, Any]
) -> None:
    provider.call("POST", "/_script", [{**reply, "times": None}])
    with pytest.raises(ModelUnavailable) as raised:
        await model.respond(REQUEST)
    assert "password" not in str(raised.value)
    answer = await think(model)
    assert answer.model == "offline"
    assert "Forgot password" in answer.response


async def test_a_passing_fault_is_retried(provider: Simulator, model: OpenAiModel) -> None:
    provider.call("POST", "/_script", [{"status": 503}, {"content": "back"}])
    assert (await model.respond(REQUEST)).text == "back"


@pytest.mark.parametrize("action", ["close", "hang"])
async def test_a_broken_connection_is_unavailable(
    provider: Simulator, model: OpenAiModel, action: str
) -> None:
    provider.fault(action=action, path="/v1/chat", times=None)
    with pytest.raises(ModelUnavailable):
        await model.respond(REQUEST)


async def test_a_dead_address_is_unavailable() -> None:
    model = OpenAiModel("k", "http://127.0.0.1:9/v1", "m", timeout_seconds=1.0, retries=0)
    with pytest.raises(ModelUnavailable):
        await model.respond(REQUEST)
    await model.close()
