"""The gate of the REST interface: keys and scopes, limits by address and key, and what a browser may send."""

import math
import random
import re

import pytest
from prometheus_client import REGISTRY, generate_latest

from services.intake.adapters.http.access import KEY_HEADER, network_of
from services.intake.application.api_keys import key_hash, new_key
from services.intake.application.rate_limits import MOST_CALLERS, RateLimit
from tests.unit.intake.edge import (
    ADDRESS_BURST,
    GOOD,
    KEY,
    KEY_BURST,
    ONLY_METRICS,
    ORIGIN,
    Edge,
    problem,
)

GUARDED = [
    "/conversations/0198f3c2-6a1e-7c55-9a60-3b2f6f1d2a10",
    "/conversations/nonsense",
    "/customers/lookup?email=ada@example.com",
    "/customers/lookup",
    "/metrics/channels",
]


def from_address(address: str) -> dict[str, str]:
    return {"x-forwarded-for": address}


@pytest.mark.parametrize("path", GUARDED)
@pytest.mark.parametrize("key", [None, "", "wrong", KEY[:-1], KEY + "x", KEY.upper(), "ü" * 20])
async def test_without_a_valid_key_nothing_is_asked(edge: Edge, path: str, key: str | None) -> None:
    headers = [] if key is None else [(KEY_HEADER.encode(), key.encode())]
    answer = await edge.http.get(path, headers=headers)
    problem(answer, 401, "key-missing")
    assert answer.headers["www-authenticate"].startswith("ApiKey")
    assert edge.others.asked == []


async def test_no_made_up_key_opens_any_route(edge: Edge) -> None:
    drawn = random.Random(7)  # noqa: S311 - repeatable, not secret
    for number in range(300):
        made_up = bytes(drawn.choice(range(0x21, 0xFF)) for _ in range(drawn.randrange(80)))
        near = bytearray(KEY.encode())
        near[drawn.randrange(len(near))] ^= 1 << drawn.randrange(7)
        # Bytes that no header may hold never arrive.
        key = made_up if number % 2 else bytes(near).replace(b"\r", b"x").replace(b"\n", b"x")
        headers = [
            (KEY_HEADER.encode(), key),
            (b"x-forwarded-for", f"192.0.2.{number % 200}".encode()),
        ]
        answer = await edge.http.get(GUARDED[number % len(GUARDED)], headers=headers)
        assert answer.status_code == 401, key
    assert edge.others.asked == []


async def test_two_keys_are_no_key(edge: Edge) -> None:
    headers = [(KEY_HEADER, KEY), (KEY_HEADER, KEY)]
    problem(await edge.http.get("/metrics/channels", headers=headers), 401, "key-missing")


@pytest.mark.parametrize("path", GUARDED[:4])
async def test_a_key_does_only_what_its_scopes_allow(edge: Edge, path: str) -> None:
    problem(await edge.http.get(path, headers={KEY_HEADER: ONLY_METRICS}), 403, "scope-missing")
    assert edge.others.asked == []
    answer = await edge.http.get("/metrics/channels", headers={KEY_HEADER: ONLY_METRICS})
    assert answer.status_code == 200


async def test_every_route_but_those_of_customers_and_providers_needs_a_key(edge: Edge) -> None:
    unguarded = []
    for route in edge.routes:
        path = route.path.replace("{conversation_id}", "1").replace("{ticket_id}", "1")
        answer = await edge.http.request("GET" if "GET" in (route.methods or ()) else "POST", path)
        if answer.status_code != 401 or "ApiKey" not in answer.headers["www-authenticate"]:
            unguarded.append(route.path)
    own_credentials = ("/support/", "/webhooks/")
    open_to_all = {"/", "/health", "/openapi.json"}
    assert {path for path in unguarded if not path.startswith(own_credentials)} == open_to_all


async def test_a_key_has_a_limit_of_its_own(edge: Edge) -> None:
    headers = {KEY_HEADER: KEY}
    for number in range(KEY_BURST):
        address = from_address(f"192.0.2.{number}")
        answer = await edge.http.get("/metrics/channels", headers={**headers, **address})
        assert answer.status_code == 200
    answer = await edge.http.get("/metrics/channels", headers=headers)
    problem(answer, 429, "too-many-requests")
    wait = int(answer.headers["retry-after"])
    other = await edge.http.get("/metrics/channels", headers={KEY_HEADER: ONLY_METRICS})
    assert other.status_code == 200
    edge.now += wait
    assert (await edge.http.get("/metrics/channels", headers=headers)).status_code == 200


async def test_an_address_has_a_limit_before_any_key_is_looked_at(edge: Edge) -> None:
    guess = {KEY_HEADER: "guess"}
    for _ in range(ADDRESS_BURST):
        problem(await edge.http.get("/metrics/channels", headers=guess), 401, "key-missing")
    answer = await edge.http.get("/metrics/channels", headers=guess)
    problem(answer, 429, "too-many-requests")
    assert int(answer.headers["retry-after"]) >= 1
    # Neither what providers send nor a probe counts.
    assert (await edge.http.get("/health")).status_code == 200
    assert (await edge.http.post("/webhooks/gmail", json={})).status_code == 401
    elsewhere = await edge.http.get(
        "/metrics/channels", headers={**guess, **from_address("2001:db8::1")}
    )
    problem(elsewhere, 401, "key-missing")


async def test_what_a_client_says_of_its_own_address_does_not_count(edge: Edge) -> None:
    for number in range(ADDRESS_BURST):
        # The last entry is our own proxy's; what stands before it is the client's word.
        await edge.http.get("/", headers=from_address(f"198.51.100.{number}, 203.0.113.7"))
    answer = await edge.http.get("/", headers=from_address("198.51.100.200, 203.0.113.7"))
    assert answer.status_code == 429


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ("2001:db8:1:2:ffff::1", "2001:db8:1:2::"),
        ("nonsense", "unknown"),
        ("", "unknown"),
    ],
)
def test_who_counts_as_one_caller(address: str, network: str) -> None:
    assert network_of(address) == network


def test_a_bucket_fills_again_and_never_over_its_brim() -> None:
    now = [0.0]
    limit = RateLimit(60, 3, lambda: now[0])
    assert [limit.wait_seconds("a") for _ in range(4)] == [0, 0, 0, 1.0]
    now[0] = 0.5
    assert math.isclose(limit.wait_seconds("a"), 0.5)
    now[0] = 1000.0
    assert [limit.wait_seconds("a") > 0 for _ in range(4)] == [False, False, False, True]


def test_callers_beyond_memory_are_forgotten_the_longest_silent_first() -> None:
    limit = RateLimit(60, 1, lambda: 0.0)
    for number in range(MOST_CALLERS):
        limit.wait_seconds(str(number))
    assert limit.wait_seconds("0") > 0  # Just asked, so the next to go is another.
    limit.wait_seconds("one more")
    assert limit.wait_seconds("0") > 0
    assert limit.wait_seconds("1") == 0


def test_a_key_is_random_and_its_hash_is_all_that_is_kept() -> None:
    made = {new_key().text for _ in range(1000)}
    assert len(made) == 1000
    one = made.pop()
    assert one.startswith("fte_")
    assert len(one) == 47
    assert len(key_hash(one)) == 32
    assert one not in repr(new_key())


async def test_a_preflight_that_is_refused_is_a_problem_document(edge: Edge) -> None:
    ask = {"origin": "https://evil.example", "access-control-request-method": "POST"}
    answer = await edge.http.options("/support/submit", headers=ask)
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"
    assert "access-control-allow-origin" not in answer.headers
    allowed = await edge.http.options(
        "/metrics/channels",
        headers={**ask, "origin": ORIGIN, "access-control-request-method": "GET",
                 "access-control-request-headers": KEY_HEADER},
    )  # fmt: skip
    assert allowed.status_code == 200
    assert KEY_HEADER in allowed.headers["access-control-allow-headers"].lower()


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nothing", 404),
        ("DELETE", "/health", 405),
        ("POST", "/conversations/1", 405),
        ("GET", "/conversations/1", 401),
        ("POST", "/support/submit", 415),
        ("POST", "/webhooks/whatsapp", 415),
        ("POST", "/webhooks/gmail", 401),
        ("TRACE", "/", 405),
    ],
)
async def test_every_refusal_is_a_problem_document(
    edge: Edge, method: str, path: str, status: int
) -> None:
    answer = await edge.http.request(method, path)
    assert answer.status_code == status
    kind = str(answer.json()["type"]).removeprefix("urn:fte:problem:")
    problem(answer, status, kind)
    browser = await edge.http.request(method, path, headers={"accept": "text/html"})
    if not path.startswith("/support/"):
        assert browser.headers["content-type"] == "application/problem+json"


async def test_a_request_id_is_the_callers_if_it_is_one(edge: Edge) -> None:
    given = await edge.http.get("/health", headers={"x-request-id": "trace-0001"})
    assert given.headers["x-request-id"] == "trace-0001"
    for wrong in ("short", "x" * 65, "line\tbreak", "<script>alert</script>"):
        answer = await edge.http.get("/health", headers={"x-request-id": wrong})
        assert answer.headers["x-request-id"] != wrong


async def test_a_form_is_limited_by_address_too(edge: Edge) -> None:
    statuses = [
        (
            await edge.http.post("/support/submit", json={**GOOD, "email": f"ada{n}@example.com"})
        ).status_code
        for n in range(ADDRESS_BURST + 1)
    ]
    assert set(statuses[:-1]) == {201}
    assert statuses[-1] == 429


async def test_figures_have_no_label_that_a_caller_can_invent(edge: Edge) -> None:
    for number in range(50):
        await edge.http.request(f"MADE{number}", f"/made-up/{number}")
        await edge.http.get(f"/conversations/{number}", headers={KEY_HEADER: f"key-{number}"})
        await edge.http.get(f"/support/ticket/{number}?token=secret-{number}")
    paths = {route.path for route in edge.routes} | {"none"}
    text = generate_latest().decode()
    labels = {
        sample.labels.get("route") or sample.labels.get("reason")
        for family in REGISTRY.collect()
        if family.name.startswith("fte_http")
        for sample in family.samples
    }
    assert labels - paths - {"key", "scope", "key_rate", "address_rate", None} == set()
    assert not re.search(r"MADE|made-up|key-\d|secret", text)
