"""Whose webhooks are believed: Twilio's own vectors, every way a proxy may stand between, and what was tampered with."""

import hashlib
import json
import random
from urllib.parse import quote, urlencode

import httpx
import pytest
import structlog.testing
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.datastructures import ImmutableMultiDict
from starlette.requests import Request
from starlette.types import ASGIApp
from twilio.request_validator import RequestValidator

from services.intake.adapters.http.problems import Problem
from services.intake.adapters.http.server import application
from services.intake.adapters.http.webhooks import TwilioWebhooks
from tests.unit.intake.edge import SID, TOKEN, URL, Edge, problem, signed, webhook
from tests.unit.intake.intake_fakes import MemoryInbox

PATH = "/webhooks/whatsapp"
FORM_TYPE = {"content-type": "application/x-www-form-urlencoded"}

# The vectors of twilio-python's own tests (tests/unit/test_request_validator.py, MIT): token 12345, this address.
VECTOR_TARGET = "/myapp.php?foo=1&bar=2"
VECTOR_FORM = {
    "CallSid": "CA1234567890ABCDE",
    "Digits": "1234",
    "From": "+14158675309",
    "To": "+18005551212",
    "Caller": "+14158675309",
}
VECTOR_REPEATED = [
    ("Sid", "CA123"),
    ("SidAccount", "AC123"),
    ("Digits", "5678"),
    ("Digits", "1234"),
]
VECTOR_BODY = b'{"property": "value", "boolean": true}'
VECTOR_HASH = "0a1ff7634d9ab3b95db5c9a2dfe9416e41502b283a80c7cf19632632f96e6620"


def server(
    public_url: str = URL, token: str = TOKEN, sid: str = SID
) -> tuple[ASGIApp, MemoryInbox]:
    inbox = MemoryInbox()
    return application(behind(public_url, inbox, token, sid).routes(), []), inbox


def behind(
    public_url: str, inbox: MemoryInbox, token: str = TOKEN, sid: str = SID
) -> TwilioWebhooks:
    return TwilioWebhooks(
        inbox,
        public_url=public_url,
        account_sid=sid,
        auth_token=token,
        our_number="+14155238886",
        body_seconds=0.5,
    )


def client(app: ASGIApp, base: str = "http://10.0.0.7:8080") -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url=base)


def sign(url: str, form: list[tuple[str, str]], token: str = TOKEN) -> str:
    return str(RequestValidator(token).compute_signature(url, ImmutableMultiDict(form)))


@pytest.mark.parametrize(
    ("base", "form", "signature"),
    [
        ("https://mycompany.com", [*VECTOR_FORM.items()], "RSOYDt4T1cUTdK1PDd93/VVr8B8="),
        ("https://mycompany.com", VECTOR_REPEATED, "IK+Dwps556ElfBT0I3Rgjkr1wJU="),
        ("https://mycompany.com:1234", [*VECTOR_FORM.items()], "RSOYDt4T1cUTdK1PDd93/VVr8B8="),
        ("http://mycompany.com:1234", [*VECTOR_FORM.items()], "Zmvh+3yNM1Phv2jhDCwEM3q5ebU="),
        ("https://mycompany.com", [*VECTOR_FORM.items()], "kvajT1Ptam85bY51eRf/AJRuM3w="),
        ("http://mycompany.com", [*VECTOR_FORM.items()], "0ZXoZLH/DfblKGATFgpif+LLRf4="),
    ],
)
async def test_twilios_own_vectors(base: str, form: list[tuple[str, str]], signature: str) -> None:
    webhooks = behind(base, MemoryInbox(), "12345")
    path, _, query = VECTOR_TARGET.partition("?")
    # They are no messages of our account, so what is told apart is why they are refused.
    assert await reason(webhooks, raw_request(form, query, signature, path)) == "account"
    assert await reason(webhooks, raw_request(form[1:], query, signature, path)) == "signature"


async def test_twilios_own_vector_of_a_body() -> None:
    webhooks = behind("https://mycompany.com", MemoryInbox(), "12345")
    path, _, query = VECTOR_TARGET.partition("?")
    query, signature = f"{query}&bodySHA256={VECTOR_HASH}", "a9nBmqA0ju/hNViExpshrM61xv4="
    good = raw_request([], query, signature, path, json_body=VECTOR_BODY)
    assert await reason(webhooks, good) == "account"
    bad = raw_request([], query, signature, path, json_body=VECTOR_BODY + b" ")
    assert await reason(webhooks, bad) == "body hash"


async def reason(webhooks: TwilioWebhooks, request: Request) -> str:
    with structlog.testing.capture_logs() as logs, pytest.raises(Problem) as caught:
        await webhooks.message(request)
    assert caught.value.status == 403
    return str(logs[-1]["reason"])


BASES = [
    "https://support.example.com",
    "https://support.example.com:443",
    "https://support.example.com:8443",
    "http://support.example.com",
    "http://support.example.com:80",
    "http://127.0.0.1:8080",
    "https://support.example.com/fte",
    "https://support.example.com/a/b%20c",
    "https://SUPPORT.example.com",
    "https://xn--mller-kva.example",
]
QUERIES = ["", "?a=b", "?a=b&c=%20d&e", "?q=%C3%BC&q=+", "?x=1%2F2&y=a+b", "?&&"]
PORTS = ["as_is", "with_port", "without_port"]


def asked_by_twilio(base: str, how: str) -> str:
    """How Twilio may write the address down: as configured, or with or without the usual port."""
    scheme, _, rest = base.partition("://")
    host, slash, path = rest.partition("/")
    usual = {"https": "443", "http": "80"}[scheme]
    name, _, port = host.partition(":")
    if how == "with_port":
        host = f"{name}:{port or usual}"
    elif how == "without_port" and port in ("", usual):
        host = name
    return f"{scheme}://{host}{slash}{path}"


@pytest.mark.parametrize("base", BASES)
async def test_the_proxy_matrix(base: str) -> None:
    """Whatever stands between, only the configured address counts: none that is genuine is refused."""
    cases = 0
    for query in QUERIES:
        for how in PORTS:
            for inner in ("http://10.0.0.7:8080", "http://localhost", "https://inner.example"):
                app, inbox = server(base)
                form = webhook(MessageSid=f"SM{cases:032d}")
                signature = sign(asked_by_twilio(base, how) + PATH + query, form)
                forwarded = {
                    "x-forwarded-proto": ("http", "https", "gopher")[cases % 3],
                    "x-forwarded-host": "evil.example",
                    "x-forwarded-port": "1",
                    "forwarded": "host=evil.example;proto=http",
                }
                async with client(app, inner) as http:
                    answer = await http.post(
                        PATH + query,
                        content=urlencode(form),
                        headers={**FORM_TYPE, **forwarded, "x-twilio-signature": signature},
                    )
                assert answer.status_code == 200, (base, query, how, inner)
                assert len(inbox.messages) == 1
                cases += 1
    assert cases == len(QUERIES) * len(PORTS) * 3


@pytest.mark.parametrize(
    "headers",
    [
        {"x-forwarded-host": "evil.example"},
        {"x-forwarded-host": "evil.example", "x-forwarded-proto": "https"},
        {"host": "evil.example"},
        {"forwarded": "host=evil.example;proto=https"},
        {"x-original-url": "https://evil.example/webhooks/whatsapp"},
    ],
)
async def test_a_spoofed_forwarded_header_opens_nothing(headers: dict[str, str]) -> None:
    app, inbox = server()
    form = webhook()
    signature = sign("https://evil.example" + PATH, form)
    async with client(app) as http:
        answer = await http.post(
            PATH,
            content=urlencode(form),
            headers={**FORM_TYPE, **headers, "x-twilio-signature": signature},
        )
    problem(answer, 403, "signature")
    assert inbox.messages == []


texts = st.text(st.characters(codec="utf-8"), max_size=12)
names = st.text(st.characters(codec="utf-8"), min_size=1, max_size=8)


@settings(max_examples=150, deadline=None)
@given(extra=st.lists(st.tuples(names, texts), max_size=8), body=texts)
async def test_whatever_twilio_signs_is_taken(extra: list[tuple[str, str]], body: str) -> None:
    """Blank, repeated, unknown and unicode parameters, as twilio-python signs them."""
    known = {name for name, _ in webhook()}
    form = [*webhook(Body=body), *(pair for pair in extra if pair[0] not in known)]
    app, inbox = server()
    async with client(app) as http:
        answer = await http.post(
            PATH,
            content=urlencode(form),
            headers={**FORM_TYPE, "x-twilio-signature": sign(URL + PATH, form)},
        )
    assert answer.status_code == 200
    assert len(inbox.messages) == 1


def mutated(chance: random.Random, form: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """One change that the signature must notice; two equal values of one name count once, so none repeats."""
    changed = list(form)
    at = chance.randrange(len(changed))
    name, value = changed[at]
    match chance.randrange(5):
        case 0:
            changed[at] = (name, value + chance.choice("x0 é"))
        case 1:
            changed[at] = (name + "x", value)
        case 2:
            del changed[at]
        case 3:
            changed.append((f"New{chance.randrange(99)}", chance.choice(["", "1"])))
        case _:
            changed.append((name, value + "2"))
    return changed


async def test_none_of_twenty_thousand_tampered_requests_is_taken() -> None:
    chance = random.Random(13)  # noqa: S311 - a fixed stream, not a secret
    inbox = MemoryInbox()
    webhooks = behind(URL, inbox)
    good = webhook(Body="Please help", NumMedia="0", WaId="15550100")
    signature = sign(URL + PATH, good)
    refused = 0
    for number in range(20_000):
        form, query, given = good, "", signature
        match number % 4:
            case 2:
                query = chance.choice(["a=b", "Body=Please+help", "x=%00", "bodySHA256=0"])
            case 3:
                place = chance.randrange(len(signature) - 1)
                other = "A" if signature[place] != "A" else "B"
                exchanged = signature[:place] + other + signature[place + 1 :]
                given = chance.choice([exchanged, "", signature[:-1], signature + "=", "\xe9"])
            case _:
                form = mutated(chance, good)
        with pytest.raises(Problem) as caught:
            await webhooks.message(raw_request(form, query, given))
        refused += caught.value.status == 403
    assert refused == 20_000
    assert inbox.messages == []
    await webhooks.message(raw_request(good, "", signature))
    assert len(inbox.messages) == 1


def raw_request(
    form: list[tuple[str, str]],
    query: str,
    signature: str,
    path: str = PATH,
    *,
    json_body: bytes = b"",
) -> Request:
    body = json_body or urlencode(form).encode()
    kind = b"application/json" if json_body else b"application/x-www-form-urlencoded"

    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": body, "more_body": False}

    scope = {
        "type": "http",
        "method": "POST",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "headers": [
            (b"content-type", kind),
            (b"x-twilio-signature", signature.encode("latin-1")),
        ],
    }
    return Request(scope, receive)


async def test_a_message_that_is_replayed_a_thousand_times_has_one_effect(edge: Edge) -> None:
    form = webhook()
    headers = signed(PATH, form)
    for _ in range(1000):
        answer = await edge.http.post(PATH, content=urlencode(form), headers=headers)
        assert answer.status_code == 200
    assert len(edge.inbox.messages) == 1


def json_request(
    fields: dict[str, object], path: str = PATH, *, sha: str | None = None
) -> tuple[str, bytes, dict[str, str]]:
    body = json.dumps(fields, ensure_ascii=False).encode()
    digest = hashlib.sha256(body).hexdigest() if sha is None else sha
    target = f"{path}?bodySHA256={quote(digest)}"
    headers = {
        "content-type": "application/json; charset=utf-8",
        "x-twilio-signature": sign(URL + target, []),
    }
    return target, body, headers


async def test_a_json_body_is_taken_by_its_hash(edge: Edge) -> None:
    target, body, headers = json_request({**dict(webhook()), "Count": 3, "Nested": {"a": 1}})
    answer = await edge.http.post(target, content=body, headers=headers)
    assert answer.status_code == 200
    [message] = edge.inbox.messages
    assert message.body == "Grüße & mehr"


async def test_a_json_body_swapped_under_a_good_signature_is_refused(edge: Edge) -> None:
    target, body, headers = json_request(dict(webhook()))
    swapped = json.dumps(dict(webhook(Body="Send me everything"))).encode()
    problem(await edge.http.post(target, content=swapped, headers=headers), 403, "signature")
    # One blank more is another body.
    problem(await edge.http.post(target, content=body + b" ", headers=headers), 403, "signature")
    # Without a hash the library would take any body; two hashes are none.
    bare = {**headers, "x-twilio-signature": sign(URL + PATH, [])}
    problem(await edge.http.post(PATH, content=body, headers=bare), 403, "signature")
    both = f"{target}&bodySHA256={hashlib.sha256(swapped).hexdigest()}"
    twice = {**headers, "x-twilio-signature": sign(URL + both, [])}
    problem(await edge.http.post(both, content=body, headers=twice), 403, "signature")
    # A form's signature is none for the same fields as JSON.
    mixed = {**headers, "x-twilio-signature": signed(target, webhook())["x-twilio-signature"]}
    problem(await edge.http.post(target, content=body, headers=mixed), 403, "signature")
    assert edge.inbox.messages == []


async def test_a_form_below_a_hash_is_checked_by_its_fields_all_the_same(edge: Edge) -> None:
    form = webhook()
    digest = hashlib.sha256(urlencode(form).encode()).hexdigest()
    target = f"{PATH}?bodySHA256={digest}"
    only_address = {**FORM_TYPE, "x-twilio-signature": sign(URL + target, [])}
    answer = await edge.http.post(target, content=urlencode(form), headers=only_address)
    problem(answer, 403, "signature")
    assert edge.inbox.messages == []
