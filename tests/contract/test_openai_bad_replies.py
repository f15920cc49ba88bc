"""Every way in which a model's provider misbehaves: the turn is answered, handed over, and recorded all the same."""

from typing import Any

import pytest

from services.agent.adapters.language_model_openai import LONGEST_TEXT, MOST_CALLS, OpenAiModel
from services.agent.application.metering import Metering
from services.agent.application.ports import ModelUnavailable
from services.agent.domain.turn import EscalationReason, TurnAnswer
from services.agent.domain.usage import Budgets
from tests.contract.openai_world import MESSAGE, REQUEST, STEPS, call, think
from tests.contract.simulators_running import Simulator
from tests.fakes.agent import MemoryUsage


def always(**reply: Any) -> list[dict[str, Any]]:
    return [{**reply, "times": None}]


def body(message: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"status": 200, "body": {"choices": [{"message": message}], **more}}


def reason(answer: TurnAnswer) -> EscalationReason:
    assert answer.escalation is not None
    assert answer.response == ""
    assert answer.tool_calls[-1].name == "escalate_to_human"
    return answer.escalation.reason


def answered_offline(answer: TurnAnswer) -> None:
    assert answer.model == "offline"
    assert "Forgot password" in answer.response
    assert answer.tool_calls[-1].name == "send_response"


@pytest.mark.parametrize(
    ("status", "requests"),
    [(400, 1), (401, 1), (403, 1), (404, 1), (429, 2), (500, 2), (502, 2), (503, 2)],
)
async def test_an_error_status_is_retried_where_that_helps_and_counted(
    provider: Simulator, model: OpenAiModel, status: int, requests: int
) -> None:
    provider.call("POST", "/_script", always(status=status, headers={"retry-after": "0"}))
    with pytest.raises(ModelUnavailable) as raised:
        await model.respond(REQUEST)
    assert len(provider.call("GET", "/_requests")[2]) == requests
    assert (raised.value.usage.calls, raised.value.usage.retries) == (1, requests - 1)
    assert "password" not in str(raised.value)
    ledger = MemoryUsage()
    answered_offline(await think(model, metering=Metering(ledger=ledger)))
    assert [(usage.calls, usage.retries) for _, usage, _ in ledger.charged] == [(1, requests - 1)]


async def test_a_provider_that_asks_to_wait_is_waited_for_only_so_long(provider: Simulator) -> None:
    model = OpenAiModel("local-key", f"{provider.url}/v1", "m", call_seconds=0.5, retries=2)
    provider.call("POST", "/_script", always(status=429, headers={"retry-after": "60"}))
    answered_offline(await think(model))
    assert len(provider.call("GET", "/_requests")[2]) == 1
    await model.close()


@pytest.mark.parametrize("action", ["close", "hang", "slow"])
async def test_a_connection_that_breaks_or_says_nothing_is_given_up(
    provider: Simulator, action: str
) -> None:
    model = OpenAiModel(
        "local-key", f"{provider.url}/v1", "m", timeout_seconds=0.3, call_seconds=1.0, retries=1
    )
    provider.fault(action=action, path="/v1/chat", times=None)
    answered_offline(await think(model))
    await model.close()


@pytest.mark.parametrize(
    "reply",
    [
        "<html>Bad gateway</html>",
        "",
        '{"choices": [',
        "[]",
        "null",
        '{"choices": []}',
        '{"choices": [7]}',
        '{"choices": [{"message": null}]}',
        '{"choices": [{"message": {"content": 7}}]}',
        '{"choices": [{"message": {"content": ["a"]}}]}',
        '{"choices": [{"message": {"tool_calls": [{"function": {}}]}}]}',
        '{"choices": [{"message": {"content": "x"}}], "usage": {"prompt_tokens": -5, "completion_tokens": 0}}',
        '{"choices": [{"message": {"content": "x"}}], "usage": "much"}',
    ],
)
async def test_a_body_that_is_no_completion_is_unavailable(
    provider: Simulator, model: OpenAiModel, reply: str
) -> None:
    provider.fault(action="status", status=200, body=reply, path="/v1/chat", times=None)
    with pytest.raises(ModelUnavailable):
        await model.respond(REQUEST)
    answered_offline(await think(model))


@pytest.mark.parametrize(
    "message",
    [
        {"content": "x"},
        {"content": None, "tool_calls": []},
        {"content": "x", "tool_calls": None, "refusal": None, "annotations": [{}], "extra": {}},
        {"tool_calls": [{"id": "1", "function": {"name": "f", "arguments": None}}]},
        {"tool_calls": [{"id": "1", "type": "custom", "custom": {"name": "f", "input": ""}}]},
    ],
)
async def test_what_an_endpoint_leaves_out_or_adds_does_no_harm(
    provider: Simulator, model: OpenAiModel, message: dict[str, Any]
) -> None:
    provider.call("POST", "/_script", [body(message)])
    reply = await model.respond(REQUEST)
    assert reply.text == (message.get("content") or "")
    assert reply.usage.tokens == 0


async def test_an_unknown_tool_is_mended_once(provider: Simulator, model: OpenAiModel) -> None:
    unknown = call("issue_refund", amount="100")
    provider.call("POST", "/_script", [unknown, *STEPS])
    assert (await think(model)).response == MESSAGE
    provider.call("POST", "/_script", always(**unknown))
    answer = await think(model)
    assert reason(answer) is EscalationReason.MODEL_FAULT
    assert [c.outcome for c in answer.tool_calls if c.name == "issue_refund"] == ["refused"] * 2


@pytest.mark.parametrize(
    "arguments", ['{"issue": ', "[]", '"x"', "{}", '{"issue": 5}', '{"issue": "x", "to": "eve"}']
)
async def test_malformed_arguments_are_mended_once(
    provider: Simulator, model: OpenAiModel, arguments: str
) -> None:
    spoilt = {"tool_calls": [{"name": "create_ticket", "arguments": arguments}]}
    provider.call("POST", "/_script", [spoilt, *STEPS])
    answer = await think(model)
    assert (answer.response, answer.tool_calls[0].outcome) == (MESSAGE, "refused")
    provider.call("POST", "/_script", always(**spoilt))
    assert reason(await think(model)) is EscalationReason.MODEL_FAULT


async def test_an_endless_loop_ends_at_its_steps(provider: Simulator, model: OpenAiModel) -> None:
    search = call("search_knowledge_base", query="reset password")
    provider.call("POST", "/_script", [*STEPS[:2], *always(**search)])
    answer = await think(model, metering=Metering(Budgets(steps=6)))
    assert reason(answer) is EscalationReason.MODEL_FAULT
    assert len(provider.call("GET", "/_requests")[2]) == 6


@pytest.mark.parametrize(
    "reply",
    [
        body({"content": None, "refusal": "I can't help with that."}),
        {"content": "", "finish_reason": "content_filter"},
        {"content": "Only half of", "finish_reason": "content_filter"},
    ],
    ids=["refusal", "filtered", "filtered_in_the_middle"],
)
@pytest.mark.parametrize("before", [0, 3])
async def test_a_refusal_goes_on_without_the_model(
    provider: Simulator, model: OpenAiModel, reply: dict[str, Any], before: int
) -> None:
    provider.call("POST", "/_script", [*STEPS[:before], *always(**reply)])
    answer = await think(model)
    answered_offline(answer)
    assert [c.name for c in answer.tool_calls].count("create_ticket") == 1


async def test_an_empty_answer_is_asked_for_once_more(
    provider: Simulator, model: OpenAiModel
) -> None:
    provider.call("POST", "/_script", [{"content": ""}, *STEPS])
    assert (await think(model)).response == MESSAGE
    provider.call("POST", "/_script", always(content=""))
    answer = await think(model)
    assert reason(answer) is EscalationReason.MODEL_FAULT
    assert answer.tokens_used > 0


async def test_an_answer_that_was_cut_off_is_not_sent(
    provider: Simulator, model: OpenAiModel
) -> None:
    cut = {
        "tool_calls": [{"name": "send_response", "arguments": '{"message": "Select **Forg'}],
        "finish_reason": "length",
    }
    provider.call("POST", "/_script", [*STEPS[:3], cut, STEPS[3]])
    assert (await think(model)).response == MESSAGE
    provider.call("POST", "/_script", [*STEPS[:3], *always(**cut)])
    assert reason(await think(model)) is EscalationReason.MODEL_FAULT


async def test_an_over_long_answer_is_refused_and_what_is_kept_is_bounded(
    provider: Simulator, model: OpenAiModel
) -> None:
    provider.call(
        "POST", "/_script", [*STEPS[:3], *always(**call("send_response", message="a " * 50_000))]
    )
    answer = await think(model)
    assert reason(answer) is EscalationReason.MODEL_FAULT
    assert all(len(str(made.arguments)) < LONGEST_TEXT for made in answer.tool_calls)
    provider.call("DELETE", "/_script")
    many = [{"name": "search_knowledge_base", "arguments": {"query": "x"}}] * 500
    provider.call("POST", "/_script", [{"content": "a" * 500_000, "tool_calls": many}])
    reply = await model.respond(REQUEST)
    assert (len(reply.text), len(reply.tool_calls)) == (LONGEST_TEXT, MOST_CALLS)
