"""The official OpenAI client works against the model simulator unchanged."""

import json
from collections.abc import Iterator
from typing import Any

import openai
import pytest

from tests.contract.simulators_running import (
    Simulator,
    simulator,
)

WALK = ("create_ticket", "get_customer_history", "search_knowledge_base", "send_response")


def offered(name: str) -> dict[str, Any]:
    properties: dict[str, Any] = {
        "query": {"type": "string", "maxLength": 200},
        "priority": {"type": "string", "enum": ["low", "high"]},
        "message": {"type": "string", "minLength": 1},
        "citations": {"type": "array", "items": {"type": "string"}},
    }
    schema = {"type": "object", "properties": properties, "required": list(properties)}
    return {"type": "function", "function": {"name": name, "parameters": schema}}


@pytest.fixture(scope="module")
def model_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    with simulator("openai", tmp_path_factory.mktemp("openai"), "http://127.0.0.1:1") as running:
        yield running


@pytest.fixture
def model(model_process: Simulator) -> Simulator:
    model_process.reset()
    return model_process


@pytest.fixture
def client(model: Simulator) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(api_key="local-key", base_url=f"{model.url}/v1", max_retries=0) as connected:
        yield connected


def test_without_a_script_the_tools_are_walked_in_order(client: openai.OpenAI) -> None:
    talk: list[Any] = [{"role": "user", "content": "How do I reset my password?"}]
    tools: list[Any] = [offered(name) for name in reversed(WALK)]
    found = {"results": [{"chunk_id": "k-7", "content": "Open Settings, then Security."}]}
    called, arguments = [], {}
    for _ in WALK:
        reply = client.chat.completions.create(model="m", messages=talk, tools=tools)
        assert reply.choices[0].finish_reason == "tool_calls"
        message = reply.choices[0].message
        assert message.tool_calls is not None
        call: Any = message.tool_calls[0]
        called.append(call.function.name)
        arguments = json.loads(call.function.arguments)
        talk.append(message.model_dump(exclude_none=True))
        talk.append({"role": "tool", "tool_call_id": call.id, "content": json.dumps(found)})
    assert tuple(called) == WALK
    assert arguments == {
        "query": "How do I reset my password?",
        "priority": "low",
        "message": "Open Settings, then Security.",
        "citations": ["k-7"],
    }
    last = client.chat.completions.create(model="m", messages=talk, tools=tools)
    assert last.choices[0].finish_reason == "stop"
    assert last.choices[0].message.content


def test_scripts_decide_by_order_and_by_text(model: Simulator, client: openai.OpenAI) -> None:
    script = [
        {"match": "price", "tool_calls": [{"name": "escalate", "arguments": {"why": "money"}}]},
        {"content": "first"},
        {"content": "second"},
        {"match": "busy", "status": 429, "headers": {"retry-after": "1"}, "times": None},
    ]
    assert model.call("POST", "/_script", script)[0] == 200

    def said(text: str) -> Any:
        messages: list[Any] = [{"role": "user", "content": text}]
        return client.chat.completions.create(model="m", messages=messages).choices[0].message

    assert said("hello").content == "first"
    assert said("What PRICE?").tool_calls[0].function.arguments == '{"why": "money"}'
    assert said("What price?").content == "second"
    for _ in range(2):
        with pytest.raises(openai.RateLimitError):
            said("busy")
    seen = model.call("GET", "/_requests")[2]
    assert [entry["body"]["messages"][0]["content"] for entry in seen][:2] == [
        "hello",
        "What PRICE?",
    ]


def test_usage_counts_a_repeated_prefix_as_cached(client: openai.OpenAI) -> None:
    system = {"role": "system", "content": "rule " * 2000}

    def usage(text: str) -> Any:
        messages: list[Any] = [system, {"role": "user", "content": text}]
        return client.chat.completions.create(model="m", messages=messages).usage

    assert usage("a").prompt_tokens_details.cached_tokens == 0
    second = usage("b")
    assert 1024 <= second.prompt_tokens_details.cached_tokens < second.prompt_tokens


def test_a_reply_can_be_streamed(model: Simulator, client: openai.OpenAI) -> None:
    model.call("POST", "/_script", [{"content": "streamed"}])
    messages: list[Any] = [{"role": "user", "content": "hi"}]
    with client.chat.completions.create(
        model="m", messages=messages, stream=True, stream_options={"include_usage": True}
    ) as stream:
        parts = list(stream)
    assert "".join(p.choices[0].delta.content or "" for p in parts if p.choices) == "streamed"
    assert parts[-1].usage is not None


def test_embeddings_are_stable_and_near_for_shared_words(client: openai.OpenAI) -> None:
    texts = ["reset my password", "password reset", "export all data"]
    answer = client.embeddings.create(model="e", input=texts, dimensions=256)
    near = [item.embedding for item in answer.data]
    again = client.embeddings.create(
        model="e", input=texts[0], dimensions=256, encoding_format="float"
    )
    assert again.data[0].embedding == pytest.approx(near[0], abs=1e-6)

    def cosine(left: list[float], right: list[float]) -> float:
        return sum(a * b for a, b in zip(left, right, strict=True))

    assert cosine(near[0], near[0]) == pytest.approx(1, abs=1e-5)
    assert cosine(near[0], near[1]) > 0.6 > cosine(near[0], near[2])


def test_the_key_is_checked(model: Simulator, client: openai.OpenAI) -> None:
    assert "gpt-4o-mini" in [item.id for item in client.models.list().data]
    with (
        openai.OpenAI(api_key="wrong", base_url=f"{model.url}/v1", max_retries=0) as stranger,
        pytest.raises(openai.AuthenticationError),
    ):
        stranger.models.list()
