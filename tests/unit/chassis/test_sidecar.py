"""What must never reach a binding is refused before a byte leaves."""

from collections.abc import AsyncIterator

import pytest

from chassis.sidecar import Sidecar


@pytest.fixture
async def sidecar() -> AsyncIterator[Sidecar]:
    opened = Sidecar(1, "token")
    yield opened
    await opened.close()


@pytest.mark.parametrize(
    "header",
    [
        "Idempotency-Key",
        "idempotency-key",
        "IDEMPOTENCY-KEY",
        "X-Idempotency-Key",
        "x-idempotency-KEY",
    ],
)
async def test_an_idempotency_header_is_refused_in_any_letter_case(
    sidecar: Sidecar, header: str
) -> None:
    # Go's transport would take the request for repeatable and might send it twice.
    with pytest.raises(ValueError, match="idempotency"):
        await sidecar.http_binding("twilio", "POST", "/x", headers={header: "1"}, seconds=1)
    with pytest.raises(ValueError, match="idempotency"):
        await sidecar.invoke_binding("twilio", "post", metadata={header: "1"}, seconds=1)
