"""Texts of a real daprd that prove that nothing was written: pinned, since a message may be sent again on them."""

from collections.abc import Iterator

import pytest

from chassis.sidecar import Sidecar
from services.delivery.adapters.transport import BindingTransport
from services.delivery.adapters.twilio import Twilio
from services.delivery.application.ports import Attempt
from services.delivery.domain.intent import Channel
from services.delivery.domain.outcomes import NotSent, Outcome
from tests.contract.daprd_running import Daprd, daprd
from tests.contract.simulators_running import ACCOUNT_SID, AUTH_TOKEN, free_port
from tests.unit.delivery.letters import intent

SECONDS = 5.0


@pytest.fixture(scope="module")
def nowhere(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daprd]:
    """A sidecar whose providers cannot be reached."""
    environment = {
        "FTE_GMAIL_API_URL": "http://gmail.invalid",
        "FTE_TWILIO_API_URL": f"http://127.0.0.1:{free_port()}",
    }
    with daprd("delivery", environment, tmp_path_factory.mktemp("daprd")) as running:
        yield running


async def _send_through(port: int, binding: str) -> Outcome:
    sidecar = Sidecar(port, "")
    try:
        transport = BindingTransport(sidecar, binding)
        provider = Twilio(transport, ACCOUNT_SID, AUTH_TOKEN, "+14155238886", "http://x")
        return await provider.send(Attempt(intent(Channel.WHATSAPP), 1, 30), SECONDS)
    finally:
        await sidecar.close()


async def test_a_refused_connection_and_then_an_open_breaker_wrote_nothing(nowhere: Daprd) -> None:
    outcomes = [await _send_through(nowhere.grpc_port, "twilio") for _ in range(6)]
    assert outcomes[:5] == [NotSent("no_connection", fault=True)] * 5
    assert outcomes[5] == NotSent("breaker_open", fault=True, refused=True)


async def test_an_unknown_host_wrote_nothing(nowhere: Daprd) -> None:
    outcome = await _send_through(nowhere.grpc_port, "gmail")
    assert outcome == NotSent("no_connection", fault=True)


async def test_a_missing_component_wrote_nothing(nowhere: Daprd) -> None:
    outcome = await _send_through(nowhere.grpc_port, "no-such-binding")
    assert outcome == NotSent("no_connection", fault=True)


async def test_a_missing_sidecar_wrote_nothing() -> None:
    outcome = await _send_through(free_port(), "twilio")
    assert outcome == NotSent("no_connection", fault=True)
