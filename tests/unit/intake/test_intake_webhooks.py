"""What providers post: signed messages and statuses, and pushes with a token."""

from urllib.parse import urlencode
from uuid import uuid4

import httpx
import pytest

from tests.unit.intake.edge import (
    Edge,
    problem,
    signed,
    webhook,
)
from tests.unit.intake.test_intake_push_token import token


async def test_a_signed_message_is_taken_in_once(edge: Edge) -> None:
    form = webhook()
    headers = signed("/webhooks/whatsapp", form)
    for _ in range(3):
        answer = await edge.http.post(
            "/webhooks/whatsapp", content=urlencode(form), headers=headers
        )
        assert (answer.status_code, answer.headers["content-type"]) == (
            200,
            "text/xml; charset=utf-8",
        )
        assert answer.text.endswith("<Response></Response>")
    [message] = edge.inbox.messages
    assert (message.body, message.sender_name) == ("Grüße & mehr", "")


@pytest.mark.parametrize(
    "form",
    [
        webhook(Body=""),
        webhook(Body="a+b c%20=&", Extra=""),
        [*webhook(), ("Repeated", "b"), ("Repeated", "a"), ("Repeated", "b")],
        webhook(Body="😀 \u200d ü"),
    ],
)
@pytest.mark.parametrize("path", ["/webhooks/whatsapp", "/webhooks/whatsapp?a=b&c=%20d&e"])
async def test_blanks_repeats_and_queries_are_signed_too(
    edge: Edge, form: list[tuple[str, str]], path: str
) -> None:
    answer = await edge.http.post(path, content=urlencode(form), headers=signed(path, form))
    assert answer.status_code == 200


async def test_what_is_not_signed_by_our_account_is_refused(edge: Edge) -> None:
    path, form = "/webhooks/whatsapp", webhook()
    good = signed(path, form)
    wrong: list[tuple[list[tuple[str, str]], dict[str, str]]] = [
        (form, {**good, "x-twilio-signature": ""}),
        (form, {**good, "x-twilio-signature": "0" * 28}),
        (form, {"content-type": good["content-type"]}),
        (webhook(Body="changed"), good),
        ([*form, ("Extra", "")], good),
        (form[:-1], good),
        (form, signed(path, form, base="https://evil.example.com")),
        (
            form,
            {**signed(path, form, "http://127.0.0.1:8080"), "x-forwarded-host": "127.0.0.1:8080"},
        ),
        (form, signed(path + "?a=b", form)),
        (webhook(AccountSid="AC" + "2" * 32), signed(path, webhook(AccountSid="AC" + "2" * 32))),
    ]
    for sent, headers in wrong:
        answer = await edge.http.post(path, content=urlencode(sent), headers=headers)
        problem(answer, 403, "signature")
    json_body = await edge.http.post(
        path, json=dict(form), headers={"x-twilio-signature": good["x-twilio-signature"]}
    )
    problem(json_body, 403, "signature")
    text = await edge.http.post(
        path, content="Body=Hi", headers={**good, "content-type": "text/plain"}
    )
    problem(text, 415, "unsupported-type")
    assert edge.inbox.messages == []


async def test_a_signed_form_that_is_no_message_is_a_400(edge: Edge) -> None:
    form = webhook(From="nobody at all")
    answer = await edge.http.post(
        "/webhooks/whatsapp", content=urlencode(form), headers=signed("/webhooks/whatsapp", form)
    )
    assert "From" in str(problem(answer, 400, "malformed")["detail"])
    big = webhook(Body="x" * 65536)
    answer = await edge.http.post(
        "/webhooks/whatsapp", content=urlencode(big), headers=signed("/webhooks/whatsapp", big)
    )
    problem(answer, 413, "too-large")
    assert edge.inbox.messages == []


async def test_statuses_are_kept_once_each(edge: Edge) -> None:
    intent = str(uuid4())
    path = f"/webhooks/whatsapp/status?intent={intent}"
    for status in ("sent", "delivered", "sent", "read", "read"):
        form = webhook(MessageStatus=status)
        answer = await edge.http.post(path, content=urlencode(form), headers=signed(path, form))
        assert answer.status_code == 204
    assert [s.status for s in edge.inbox.statuses] == ["sent", "delivered", "read"]
    assert {s.intent_id for s in edge.inbox.statuses} == {intent}


async def test_a_push_wakes_the_mail_reader(edge: Edge) -> None:
    body = {"message": {"data": "e30="}, "subscription": "projects/p/s"}
    answer = await edge.http.post("/webhooks/gmail", json=body, headers={"authorization": token()})
    assert (answer.status_code, len(edge.woken)) == (204, 1)


async def test_a_push_without_proof_is_refused(edge: Edge) -> None:
    body = {"message": {}, "subscription": "projects/p/s"}

    async def push(authorization: str, **changed: object) -> httpx.Response:
        return await edge.http.post(
            "/webhooks/gmail", json={**body, **changed}, headers={"authorization": authorization}
        )

    problem(await push(""), 401, "unauthenticated")
    problem(await push(token(aud="https://x.example")), 401, "unauthenticated")
    problem(await push(token(email="eve@example.com")), 403, "foreign")
    problem(await push(token(), subscription="projects/p/other"), 403, "foreign")
    only_header = {"x-goog-signature": "abc"}
    problem(
        await edge.http.post("/webhooks/gmail", json=body, headers=only_header),
        401,
        "unauthenticated",
    )
    too_large = await edge.http.post(
        "/webhooks/gmail", content=b"x" * (1024 * 1024 + 1), headers={"authorization": token()}
    )
    problem(too_large, 413, "too-large")
    edge.issuer.away, edge.issuer.now = True, 10_000.0
    problem(await push(token()), 503, "unavailable")
    assert edge.woken == []
