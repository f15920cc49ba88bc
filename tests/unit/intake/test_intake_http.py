"""The support form, its limits, and health."""

import asyncio
import json
from collections.abc import AsyncIterator
from urllib.parse import urlencode
from uuid import UUID

import pytest

from tests.unit.intake.edge import (
    GOOD,
    LINKS,
    ORIGIN,
    Edge,
    problem,
    signed,
    webhook,
)


async def test_a_form_gives_a_ticket(edge: Edge) -> None:
    answer = await edge.http.post("/support/submit", json=GOOD)
    assert answer.status_code == 201
    body = answer.json()
    assert set(body) == {
        "ticket_id", "reference", "status_url", "confirmation_url", "expected_reply", "message_id",
    }  # fmt: skip
    ticket_id = UUID(body["ticket_id"])
    assert body["status_url"] == LINKS.status_url(ticket_id)
    assert body["reference"].startswith("FTE-")
    assert body["expected_reply"].startswith("We usually answer")
    [message] = edge.inbox.messages
    assert message.web_form is not None
    assert message.web_form.ticket_id == ticket_id
    assert message.assurance == "claimed"
    assert message.handle is not None
    assert message.handle.value == "ada@example.com"


@pytest.mark.parametrize("how", ["urlencoded", "multipart"])
async def test_html_forms_are_read_alike(edge: Edge, how: str) -> None:
    fields = {name: (None, value) for name, value in GOOD.items()}
    if how == "urlencoded":
        answer = await edge.http.post("/support/submit", data=GOOD)
    else:
        answer = await edge.http.post("/support/submit", files=fields)
    assert answer.status_code == 201
    assert edge.inbox.messages[0].body == GOOD["message"]


async def test_a_wrong_form_names_every_field(edge: Edge) -> None:
    answer = await edge.http.post("/support/submit", json={"name": "A", "priority": "x"})
    body = problem(answer, 422, "invalid-fields")
    errors = body["errors"]
    assert isinstance(errors, list)
    assert [error["field"] for error in errors] == [
        "name", "email", "subject", "category", "priority", "message",
    ]  # fmt: skip
    assert edge.inbox.messages == []


async def test_a_key_gives_the_same_answer_and_refuses_another_body(edge: Edge) -> None:
    headers = {"idempotency-key": "key-1"}
    first = await edge.http.post("/support/submit", json=GOOD, headers=headers)
    again = await edge.http.post("/support/submit", json=GOOD, headers=headers)
    assert (again.status_code, again.content) == (201, first.content)
    assert len(edge.inbox.messages) == 1
    other = await edge.http.post("/support/submit", json={**GOOD, "name": "Bea"}, headers=headers)
    problem(other, 409, "idempotency-mismatch")
    for bad in ("", "x" * 256, "a b"):
        answer = await edge.http.post(
            "/support/submit", json=GOOD, headers={"idempotency-key": bad}
        )
        problem(answer, 400, "malformed")


@pytest.mark.parametrize(
    ("content", "content_type", "status", "kind"),
    [
        (b"{", "application/json", 400, "malformed"),
        (b"[1]", "application/json", 400, "malformed"),
        (b"[" * 100_000, "application/json", 400, "malformed"),
        (b"\xff", "application/x-www-form-urlencoded", 400, "malformed"),
        (b"&".join([b"a=b"] * 60), "application/x-www-form-urlencoded", 400, "malformed"),
        (b"--x", "multipart/form-data", 400, "malformed"),
        (b"hi", "text/plain", 415, "unsupported-type"),
        (b"x" * (256 * 1024 + 1), "application/json", 413, "too-large"),
    ],
)
async def test_a_bad_body_is_a_problem(
    edge: Edge, content: bytes, content_type: str, status: int, kind: str
) -> None:
    answer = await edge.http.post(
        "/support/submit", content=content, headers={"content-type": content_type}
    )
    problem(answer, status, kind)
    assert edge.inbox.messages == []


async def test_limits_hold_while_reading(edge: Edge) -> None:
    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield b"x" * 65536

    async def slow() -> AsyncIterator[bytes]:
        yield b"{"
        await asyncio.sleep(30)

    headers = {"content-type": "application/json"}
    problem(
        await edge.http.post("/support/submit", content=endless(), headers=headers),
        413,
        "too-large",
    )
    problem(
        await edge.http.post("/support/submit", content=slow(), headers=headers), 408, "too-slow"
    )


async def test_a_database_that_is_away_is_a_503(edge: Edge) -> None:
    edge.inbox.failure = ConnectionRefusedError("away")
    answer = await edge.http.post("/support/submit", json=GOOD)
    problem(answer, 503, "unavailable")
    assert answer.headers["retry-after"]
    form = webhook()
    answer = await edge.http.post(
        "/webhooks/whatsapp", content=urlencode(form), headers=signed("/webhooks/whatsapp", form)
    )
    problem(answer, 503, "unavailable")
    edge.inbox.failure = ValueError("a fault")
    problem(await edge.http.post("/support/submit", json=GOOD), 500, "internal")


async def test_browsers_may_call_from_listed_origins_only(edge: Edge) -> None:
    ask = {"origin": ORIGIN, "access-control-request-method": "POST"}
    answer = await edge.http.options("/support/submit", headers=ask)
    assert answer.headers["access-control-allow-origin"] == ORIGIN
    answer = await edge.http.options(
        "/support/submit", headers={**ask, "origin": "https://evil.example"}
    )
    assert "access-control-allow-origin" not in answer.headers
    problem(await edge.http.get("/nothing"), 404, "not-found")
    problem(await edge.http.get("/support/submit"), 405, "method-not-allowed")


async def test_health_names_what_fails(edge: Edge) -> None:
    answer = await edge.http.get("/health")
    assert (answer.status_code, answer.json()["status"]) == (200, "ok")
    edge.checks["agent"] = False
    async with asyncio.timeout(10):
        while (answer := await edge.http.get("/health")).status_code == 200:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    assert answer.status_code == 503
    assert json.loads(answer.text) == {
        "status": "failing",
        "parts": {"database": "ok", "agent": "unreachable"},
        "channels": {},
    }
