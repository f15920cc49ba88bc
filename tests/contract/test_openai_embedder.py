"""The embedder adapter against the OpenAI-compatible simulator: vectors, order, and every way that a provider fails."""

from collections.abc import AsyncIterator, Iterator
from typing import Any

import numpy as np
import pytest

from services.agent.adapters.embedder_openai import DIMENSION, OpenAiEmbedder
from services.agent.application.ports import LookupUnavailable
from tests.contract.simulators_running import Simulator, simulator


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    with simulator("openai", tmp_path_factory.mktemp("openai"), "http://127.0.0.1:1") as running:
        yield running


@pytest.fixture
def provider(process: Simulator) -> Simulator:
    process.reset()
    return process


@pytest.fixture
async def embedder(provider: Simulator) -> AsyncIterator[OpenAiEmbedder]:
    made = OpenAiEmbedder("local-key", f"{provider.url}/v1", timeout_seconds=2.0, retries=1)
    yield made
    await made.close()


async def test_texts_become_unit_vectors_in_their_order(
    embedder: OpenAiEmbedder, provider: Simulator
) -> None:
    texts = [f"text {n}" for n in range(130)]
    found = await embedder.embed([*texts, ""])
    assert found.shape == (131, DIMENSION)
    assert found.dtype == np.float32
    assert np.linalg.norm(found, axis=1) == pytest.approx(np.ones(131), abs=1e-5)
    assert np.allclose(found[129], (await embedder.embed(["text 129"]))[0], atol=1e-6)
    bodies = [entry["body"] for entry in provider.call("GET", "/_requests")[2]]
    assert {body["dimensions"] for body in bodies} == {DIMENSION}
    assert {body["model"] for body in bodies} == {embedder.model} == {"text-embedding-3-small"}


async def test_nothing_asks_nothing(embedder: OpenAiEmbedder) -> None:
    assert (await embedder.embed([])).shape == (0, DIMENSION)


@pytest.mark.parametrize(
    "fault",
    [
        {"action": "status", "status": 401},
        {"action": "status", "status": 429},
        {"action": "status", "status": 200, "body": {"data": []}},
        {"action": "status", "status": 200, "body": {"hello": "you"}},
        {"action": "close"},
        {"action": "hang"},
    ],
    ids=["unauthorised", "too_many", "no_vectors", "something_else", "close", "hang"],
)
async def test_a_failing_provider_is_an_unavailable_look_up(
    provider: Simulator, embedder: OpenAiEmbedder, fault: dict[str, Any]
) -> None:
    provider.fault(path="/v1/embeddings", times=None, **fault)
    with pytest.raises(LookupUnavailable) as raised:
        await embedder.embed(["my secret"])
    assert "secret" not in str(raised.value)


async def test_a_passing_fault_is_retried(provider: Simulator, embedder: OpenAiEmbedder) -> None:
    provider.fault(action="status", status=503, path="/v1/embeddings", times=1)
    assert (await embedder.embed(["text"])).shape == (1, DIMENSION)


async def test_an_endpoint_that_is_away_is_an_unavailable_look_up() -> None:
    away = OpenAiEmbedder("key", "http://127.0.0.1:1/v1", timeout_seconds=1.0, retries=1)
    with pytest.raises(LookupUnavailable, match="APIConnectionError"):
        await away.embed(["my secret"])
    await away.close()
