"""The model adapter against the OpenAI-compatible simulator: a whole turn, what is sent, and what comes back."""

import json
from decimal import Decimal
from itertools import pairwise
from typing import Any
from uuid import UUID

import pytest

from services.agent.adapters.language_model_openai import OpenAiModel
from services.agent.application.metering import Metering
from services.agent.application.ports import ModelUnavailable
from services.agent.domain.turn import Channel, CustomerId, EscalationReason
from services.agent.domain.usage import Price, PriceList, Spent, Usage
from tests.contract.openai_world import MESSAGE, REQUEST, STEPS, call, think
from tests.contract.simulators_running import Simulator
from tests.fakes.agent import MemoryUsage
from tests.unit.agent.turns import text, turn


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
    assert reply.usage.calls == 1
    assert reply.usage.input_tokens > reply.usage.output_tokens > 0


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


# UTF-8 bytes for one token. English prose has four to five, JSON fewer: six is certainly too many, so that the number
# of tokens that is derived from it is certainly too small.
BYTES_PER_TOKEN = 6
CACHED_FROM_TOKENS = 1024


def prompt(body: dict[str, Any]) -> bytes:
    """The request as a provider reads it for its cache: tools, then messages."""
    return json.dumps([body["tools"], body["messages"]], ensure_ascii=False).encode()


def shared(one: bytes, other: bytes) -> int:
    pairs = zip(one, other, strict=False)
    return next((at for at, (a, b) in enumerate(pairs) if a != b), min(len(one), len(other)))


async def test_turns_of_two_customers_share_a_prefix_that_providers_cache(
    provider: Simulator, model: OpenAiModel
) -> None:
    question = text("Wie setze ich mein Passwort zurück?", Channel.WHATSAPP)
    others = turn(question, customer_id=CustomerId(UUID(int=9)), display_name="Änne", turn_no=7)
    sent: list[list[dict[str, Any]]] = []
    for given in (turn(), others):
        provider.call("POST", "/_script", STEPS)
        before = len(provider.call("GET", "/_requests")[2])
        await think(model, given)
        sent.append([entry["body"] for entry in provider.call("GET", "/_requests")[2][before:]])
    first, second = sent
    assert shared(prompt(first[0]), prompt(second[0])) // BYTES_PER_TOKEN >= CACHED_FROM_TOKENS
    for bodies in sent:
        assert len(bodies) == len(STEPS)
        for one, following in pairwise(bodies):
            assert following["messages"][: len(one["messages"])] == one["messages"]
            assert following["tools"] == one["tools"]


async def test_tokens_are_recorded_as_the_provider_counts_them(
    provider: Simulator, model: OpenAiModel
) -> None:
    usage = {
        "prompt_tokens": 3000,
        "completion_tokens": 40,
        "total_tokens": 3040,
        "prompt_tokens_details": {"cached_tokens": 2048},
    }
    provider.call("POST", "/_script", [{"status": 503}, {"content": "hello", "usage": usage}])
    assert (await model.respond(REQUEST)).usage == Usage(
        calls=1, retries=1, input_tokens=3000, cached_input_tokens=2048, output_tokens=40
    )
    ledger = MemoryUsage()
    prices = PriceList({"gpt-5-mini": Price(Decimal("0.25"), Decimal("0.025"), Decimal("2.00"))})
    provider.call("POST", "/_script", [{**step, "usage": usage} for step in STEPS])
    answer = await think(model, metering=Metering(prices=prices, ledger=ledger))
    assert answer.tokens_used == 4 * 3040
    # 952 fresh tokens at 0.25, 2,048 cached at 0.025 and 40 written at 2 millionths of a dollar.
    assert [cost for _, _, cost in ledger.charged] == [370] * 4
    assert ledger.day.customer == ledger.day.installation == Spent(1, 4 * 3040, 4 * 370)
