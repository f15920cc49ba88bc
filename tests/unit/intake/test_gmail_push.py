"""Gmail's push, threat by threat: it proves where it comes from, and even then it is only a hint."""

import asyncio
import base64
import hmac
import json
import time
from datetime import timedelta
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives import serialization

from services.intake.adapters.mail_loop import MailLoop, MailLoops
from services.intake.adapters.push_token import LEEWAY_SECONDS, REFETCH_SECONDS
from services.intake.application.mail_reading import Look, MailReading
from tests.unit.intake.edge import Edge, problem
from tests.unit.intake.test_intake_push_token import (
    ACCOUNT,
    AUDIENCE,
    ISSUER,
    KEY,
    OTHER_KEY,
    token,
)

SUBSCRIPTION = "projects/p/s"


def change(mailbox: str = "support@example.com", history_id: object = 7) -> str:
    data = json.dumps({"emailAddress": mailbox, "historyId": history_id})
    return base64.b64encode(data.encode()).decode()


def hs256(claims: dict[str, Any], secret: bytes) -> str:
    """Signs as no honest library does: with a public key as the secret."""
    parts = [{"alg": "HS256", "typ": "JWT", "kid": "k1"}, claims]
    signed = b".".join(base64.urlsafe_b64encode(json.dumps(p).encode()).rstrip(b"=") for p in parts)
    signature = base64.urlsafe_b64encode(hmac.digest(secret, signed, "sha256")).rstrip(b"=")
    return f"{signed.decode()}.{signature.decode()}"


async def push(edge: Edge, authorization: str | None, **changed: object) -> httpx.Response:
    body = {"message": {"data": change()}, "subscription": SUBSCRIPTION, **changed}
    headers = {} if authorization is None else {"authorization": authorization}
    return await edge.http.post("/webhooks/gmail", json=body, headers=headers)


async def test_an_x_goog_signature_alone_proves_nothing(edge: Edge) -> None:
    body = {"message": {"data": change()}, "subscription": SUBSCRIPTION}
    headers = {"x-goog-signature": "0" * 64}
    answer = await edge.http.post("/webhooks/gmail", json=body, headers=headers)
    problem(answer, 401, "unauthenticated")
    assert answer.headers["www-authenticate"] == "Bearer"
    assert edge.woken == []


@pytest.mark.parametrize(
    "changed", [{"email": "eve@evil.iam.gserviceaccount.com"}, {"email_verified": False}]
)
async def test_an_attackers_own_subscription_has_a_genuine_token_of_a_foreign_account(
    edge: Edge, changed: dict[str, Any]
) -> None:
    problem(await push(edge, token(**changed)), 403, "foreign")
    assert edge.woken == []


async def test_a_push_from_another_subscription_is_foreign(edge: Edge) -> None:
    for subscription in ("projects/p/s2", "projects/p/S", "", None, ["projects/p/s"]):
        problem(await push(edge, token(), subscription=subscription), 403, "foreign")
    assert edge.woken == []


@pytest.mark.parametrize(
    "changed",
    [
        {"aud": "https://support.example.com/webhooks/gmail/"},
        {"aud": None},
        {"iss": "https://accounts.google.com.evil.example"},
        {"exp": int(time.time()) - LEEWAY_SECONDS - 60},
        {"iat": int(time.time()) + LEEWAY_SECONDS + 3600},
    ],
)
async def test_every_claim_must_be_right(edge: Edge, changed: dict[str, Any]) -> None:
    problem(await push(edge, token(**changed)), 401, "unauthenticated")
    assert edge.woken == []


@pytest.mark.parametrize("seconds", [LEEWAY_SECONDS - 10, -(LEEWAY_SECONDS - 10)])
async def test_clocks_may_differ_by_less_than_the_leeway(edge: Edge, seconds: int) -> None:
    now = int(time.time())
    moved = token(iat=now + max(seconds, 0), exp=now + seconds if seconds < 0 else now + 600)
    assert (await push(edge, moved)).status_code == 204


async def test_another_algorithm_is_refused_whatever_it_signs_with(edge: Edge) -> None:
    now = int(time.time())
    claims = {
        "iss": ISSUER, "aud": AUDIENCE, "email": ACCOUNT, "email_verified": True,
        "iat": now, "exp": now + 600,
    }  # fmt: skip
    public = KEY.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    forged = [
        jwt.encode(claims, "", algorithm="none", headers={"kid": "k1"}),
        # Our own public key as the secret of a symmetric signature.
        hs256(claims, public),
        jwt.encode(claims, KEY, algorithm="PS256", headers={"kid": "k1"}),
        jwt.encode(claims, KEY, algorithm="RS256"),
    ]
    for one in forged:
        problem(await push(edge, f"Bearer {one}"), 401, "unauthenticated")
    assert edge.woken == []


async def test_no_mutated_token_is_accepted(edge: Edge) -> None:
    good = token().removeprefix("Bearer ")
    for at in range(0, len(good), 7):
        if at >= len(good) - 1 or good[at] == ".":
            # The last character of a signature holds bits that mean nothing.
            continue
        other = "A" if good[at] != "A" else "B"
        answer = await push(edge, f"Bearer {good[:at]}{other}{good[at + 1 :]}")
        assert answer.status_code == 401, at
    assert edge.woken == []


async def test_a_rotated_key_is_fetched_once_and_an_unreachable_one_is_a_503(edge: Edge) -> None:
    assert (await push(edge, token())).status_code == 204
    edge.issuer.keys["k2"] = OTHER_KEY
    edge.issuer.now += REFETCH_SECONDS + 1
    rotated = token(OTHER_KEY, "k2")
    for _ in range(3):
        assert (await push(edge, rotated)).status_code == 204
    assert edge.issuer.fetches == 2
    edge.issuer.away = True
    edge.issuer.now += REFETCH_SECONDS + 1
    answer = await push(edge, token(kid="k3"))
    problem(answer, 503, "unavailable")
    assert len(edge.woken) == 4


async def test_a_forged_payload_chooses_at_most_where_to_look(edge: Edge) -> None:
    """What a push says is never a place to read from: a look starts at our own cursor."""
    for data in (
        change(),
        change(history_id=10**18),
        change(history_id="../../x"),
        change("attacker@evil.example"),
        "!!! no base64",
        base64.b64encode(b"[1]").decode(),
        base64.b64encode(b"[" * 5000).decode(),
        None,
        7,
    ):
        assert (await push(edge, token(), message={"data": data})).status_code == 204
    assert edge.woken[:4] == ["support@example.com"] * 3 + ["attacker@evil.example"]
    assert edge.woken[4:] == [""] * 5


async def test_a_thousand_replays_cost_a_look_or_two() -> None:
    class Counting(MailReading):
        def __init__(self) -> None:
            self.looks = 0

        async def look(self, now: object) -> Look:
            self.looks += 1
            await asyncio.sleep(0.01)
            return Look()

    ours, others = Counting(), Counting()
    loops = MailLoops(
        {
            "support@example.com": MailLoop(ours, timedelta(seconds=60)),
            "sales@example.com": MailLoop(others, timedelta(seconds=60)),
        }
    )
    running = asyncio.create_task(loops.run())
    await asyncio.sleep(0.03)
    for _ in range(1000):
        loops.wake("Support@example.com")
    await asyncio.sleep(0.05)
    assert ours.looks <= 3
    assert others.looks == 1
    loops.wake("nobody@example.com")
    await asyncio.sleep(0.03)
    assert others.looks == 2
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
