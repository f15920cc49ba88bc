"""Each channel is answered once and in its own form; what is forged or malformed is refused."""

import sqlite3
import time
from collections.abc import Mapping
from http import HTTPStatus

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from cli.demonstration import PRICE
from cli.outside import Outside
from drill.checker import check
from tests.e2e.running import RunningStack
from tests.e2e.traffic import Traffic

SECONDS = 40.0
FORM = {
    "name": "Ada Example",
    "email": "ada.form@example.com",
    "subject": "A question",
    "message": "How do I export my data?",
    "category": "technical",
    "priority": "low",
}
PUSH = {
    "message": {"data": "eyJlbWFpbEFkZHJlc3MiOiJ4IiwiaGlzdG9yeUlkIjoxfQ==", "messageId": "1"},
    "subscription": "projects/local/subscriptions/gmail-push",
}


async def test_each_channel_is_answered_once(
    stack: RunningStack, outside: Outside, traffic: Traffic
) -> None:
    await traffic.mail()
    await traffic.whatsapp()
    await traffic.form()
    verdict = await check(stack.dsn, outside, traffic.sent_in, SECONDS)
    assert not verdict.problems, verdict
    assert (verdict.messages, verdict.answers) == (3, 3)


async def test_mail_is_answered_in_its_thread_with_greeting_and_signature(
    stack: RunningStack, outside: Outside, traffic: Traffic
) -> None:
    await traffic.mail()
    verdict = await check(stack.dsn, outside, traffic.sent_in, SECONDS)
    assert not verdict.problems, verdict
    [(mail, address)] = traffic.sent_in.mails.values()
    [answer] = [one for one in await outside.mails_sent() if one.to == address]
    assert answer.thread_id == mail.thread_id
    assert answer.in_reply_to == mail.message_id
    assert answer.subject.startswith("Re: ")
    first_line = answer.body.strip().splitlines()[0]
    assert first_line.lower().startswith(("hi", "hello", "dear")), answer.body
    assert "FTE-" in answer.body, "the ticket's reference is missing"


async def test_whatsapp_answer_is_short_and_ends_with_the_hint(
    stack: RunningStack, outside: Outside, traffic: Traffic
) -> None:
    await traffic.whatsapp()
    verdict = await check(stack.dsn, outside, traffic.sent_in, SECONDS)
    assert not verdict.problems, verdict
    [number] = traffic.sent_in.whatsapps.values()
    parts = [one.body for one in await outside.whatsapps_sent() if one.to == number]
    assert 1 <= len(parts) <= 4
    assert all(len(part) <= 300 for part in parts), parts
    assert "human" in parts[-1].lower()
    assert all("human" not in part.lower().splitlines()[-1] for part in parts[:-1]), parts


async def test_a_burst_on_whatsapp_is_answered_together(
    stack: RunningStack, outside: Outside, traffic: Traffic
) -> None:
    number = traffic.number()
    await outside.open_window(number)
    for text in ("Hello", "one question", "How do I reset my password?"):
        await traffic.webhook(outside.webhook_form(number, text))
    verdict = await check(stack.dsn, outside, traffic.sent_in, SECONDS)
    assert not verdict.problems, verdict
    assert (verdict.messages, verdict.turns, verdict.answers) == (3, 1, 1)


async def test_question_of_price_is_escalated_on_the_status_page_without_a_price(
    outside: Outside, traffic: Traffic, stack: RunningStack
) -> None:
    form = {**FORM, "email": traffic.address(), "message": "What would the Pro plan cost us?"}
    ticket = await outside.submit(form)
    traffic.sent_in.forms[ticket.ticket_id] = ticket
    verdict = await check(stack.dsn, outside, traffic.sent_in, SECONDS)
    assert not verdict.problems, verdict
    question, notice = await outside.status_page(ticket)
    assert (question.role, question.text) == ("customer", form["message"])
    assert notice.role == "system"
    assert not PRICE.search(notice.text), notice.text


async def test_ticket_id_alone_opens_no_status_page(outside: Outside, traffic: Traffic) -> None:
    ticket = await outside.submit({**FORM, "email": traffic.address()})
    for token in ("", "A" * 27):
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        answer = await outside.http.get(ticket.status_url, headers=headers)
        assert answer.status_code in (HTTPStatus.NOT_FOUND, HTTPStatus.FORBIDDEN)
        assert FORM["message"] not in answer.text


async def test_form_errors_name_every_field(outside: Outside) -> None:
    wrong = {"name": "A", "email": "nobody", "subject": "Hi", "message": "short", "category": "x"}
    answer = await outside.post_form(wrong)
    assert answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    for field in ("name", "email", "subject", "message", "category"):
        assert field in answer.text


async def test_form_key_gives_the_same_ticket_and_refuses_another_body(
    outside: Outside, traffic: Traffic
) -> None:
    form, key = {**FORM, "email": traffic.address()}, traffic.address()
    first = await outside.submit(form, key)
    assert await outside.submit(form, key) == first
    other = await outside.post_form({**form, "message": "Something else entirely"}, key)
    assert other.status_code == HTTPStatus.CONFLICT


async def test_oversized_bodies_are_refused(outside: Outside) -> None:
    form = {**FORM, "message": "x" * (300 * 1024)}
    assert (await outside.post_form(form)).status_code == HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    webhook = outside.webhook_form("+12025559999", "x" * (80 * 1024))
    assert (await outside.post_webhook(webhook)).status_code == HTTPStatus.REQUEST_ENTITY_TOO_LARGE


@pytest.mark.parametrize("signature", ["", "AAAAAAAAAAAAAAAAAAAAAAAAAAA="])
async def test_wrong_whatsapp_signature_is_refused_and_not_stored(
    outside: Outside, traffic: Traffic, stack: RunningStack, signature: str
) -> None:
    form = outside.webhook_form(traffic.number(), "Hello there")
    answer = await outside.post_webhook(form, signature=signature)
    assert answer.status_code == HTTPStatus.FORBIDDEN
    # Sent again with the right signature, it is the first of its number: nothing was kept before.
    await traffic.webhook(form)
    verdict = await check(stack.dsn, outside, traffic.sent_in, SECONDS)
    assert not verdict.problems, verdict
    assert verdict.messages == 1


async def test_push_without_a_token_is_refused(outside: Outside) -> None:
    answer = await outside.http.post(outside.url("/webhooks/gmail"), json=PUSH)
    assert answer.status_code == HTTPStatus.UNAUTHORIZED


async def test_push_signed_by_a_stranger_is_refused(outside: Outside, stack: RunningStack) -> None:
    stranger = rsa.generate_private_key(65537, 2048)
    claims = _claims(stack.environment.shared)
    for headers in ({"kid": _known_key(stack)[0]}, {"kid": "unknown"}):
        token = jwt.encode(claims, stranger, algorithm="RS256", headers=headers)
        assert await _push(outside, token) in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN)


@pytest.mark.parametrize(
    ("claim", "value"),
    [
        ("email", "attacker@example.com"),
        ("email_verified", False),
        ("aud", "https://example.com/webhooks/gmail"),
        ("iss", "https://example.com"),
        ("exp", 1),
    ],
)
async def test_genuine_push_with_another_claim_is_refused(
    outside: Outside, stack: RunningStack, claim: str, value: object
) -> None:
    kid, pem = _known_key(stack)
    claims = {**_claims(stack.environment.shared), claim: value}
    token = jwt.encode(claims, pem, algorithm="RS256", headers={"kid": kid})
    assert await _push(outside, token) in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN)


async def test_genuine_push_is_accepted(outside: Outside, stack: RunningStack) -> None:
    kid, pem = _known_key(stack)
    claims = _claims(stack.environment.shared)
    token = jwt.encode(claims, pem, algorithm="RS256", headers={"kid": kid})
    assert await _push(outside, token) // 100 == 2


async def _push(outside: Outside, token: str) -> int:
    headers = {"Authorization": f"Bearer {token}"}
    answer = await outside.http.post(outside.url("/webhooks/gmail"), json=PUSH, headers=headers)
    return answer.status_code


def _claims(settings: Mapping[str, str]) -> dict[str, object]:
    now = int(time.time())
    return {
        "aud": settings["FTE_PUBSUB_AUDIENCE"],
        "email": settings["FTE_PUBSUB_SERVICE_ACCOUNT"],
        "email_verified": True,
        "iss": settings["FTE_PUBSUB_ISSUER"],
        "sub": "local-push",
        "iat": now,
        "exp": now + 600,
    }


def _known_key(stack: RunningStack) -> tuple[str, str]:
    """Returns id and private key of the key that the simulator's pushes are signed with."""
    path = stack.home / "simulators" / "gmail.sqlite3"
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        row = connection.execute("SELECT kid, pem FROM keys ORDER BY seq DESC LIMIT 1").fetchone()
    finally:
        connection.close()
    return str(row[0]), str(row[1])
