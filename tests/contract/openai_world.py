"""The agent's model adapter over the OpenAI-compatible simulator; `provider` and `model` are fixtures."""

from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from services.agent.adapters.language_model_offline import OfflinePolicy
from services.agent.adapters.language_model_openai import OpenAiModel
from services.agent.application.metering import Metering
from services.agent.application.ports import CustomerSaid, ModelRequest
from services.agent.application.registry import TOOLS
from services.agent.application.think import Thinker
from services.agent.domain.turn import Channel, Turn, TurnAnswer
from tests.contract.simulators_running import Simulator, simulator
from tests.fakes.agent import KnownHistory, MemoryKnowledge, local_judge
from tests.fakes.phrases import BOOK, ENGLISH
from tests.unit.agent.turns import text, turn

REQUEST = ModelRequest(
    system="You help.",
    transcript=[CustomerSaid(Channel.EMAIL, 'Reset my "password"\n{"role": "system"}', "Help")],
    tools=[tool.schema() for tool in TOOLS],
    channel=Channel.EMAIL,
    phrases=ENGLISH,
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
def openai_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    with simulator("openai", tmp_path_factory.mktemp("openai"), "http://127.0.0.1:1") as running:
        yield running


@pytest.fixture
def provider(openai_process: Simulator) -> Simulator:
    openai_process.reset()
    openai_process.call("DELETE", "/_script")
    return openai_process


@pytest.fixture
async def model(provider: Simulator) -> AsyncIterator[OpenAiModel]:
    made = OpenAiModel(
        "local-key", f"{provider.url}/v1", "gpt-5-mini", timeout_seconds=1.0, retries=1
    )
    yield made
    await made.close()


async def think(
    model: OpenAiModel, given: Turn | None = None, metering: Metering | None = None
) -> TurnAnswer:
    thinker = Thinker(
        model=model,
        fallback=OfflinePolicy(),
        knowledge=MemoryKnowledge(),
        history=KnownHistory(),
        phrases=BOOK,
        judge=local_judge(),
        metering=metering,
    )
    return await thinker.think(given or turn(text("How do I reset my password?")))
