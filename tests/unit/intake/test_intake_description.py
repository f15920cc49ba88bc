"""The OpenAPI description: whole, true to the routes, and kept by its own examples and by real answers."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import jsonschema_rs
import pytest

from services.intake.adapters.http.access import KEY_HEADER
from services.intake.adapters.http.description import load_description
from tests.unit.intake.edge import GOOD, KEY, ONLY_METRICS, URL, Edge
from tests.unit.intake.test_intake_rest import ID, conversation, customer

DOCUMENT = load_description()
METHODS = {"get", "post"}
# What other programs call. Pages and what belongs to them are for browsers.
INTERFACE = ("/conversations", "/customers", "/metrics", "/health", "/openapi.json", "/webhooks")


def resolved(node: Any) -> Any:
    """Follows a reference into the document."""
    while isinstance(node, dict) and "$ref" in node:
        assert node["$ref"].startswith("#/"), node
        target: Any = DOCUMENT
        for step in node["$ref"][2:].split("/"):
            target = target[step]
        node = target
    return node


def references(node: Any) -> Iterator[dict[str, Any]]:
    if isinstance(node, dict):
        if "$ref" in node:
            yield node
        for inner in node.values():
            yield from references(inner)
    elif isinstance(node, list):
        for inner in node:
            yield from references(inner)


def validator(schema: dict[str, Any]) -> jsonschema_rs.Draft202012Validator:
    whole = {**schema, "components": DOCUMENT["components"]}
    return jsonschema_rs.Draft202012Validator(whole, validate_formats=True)


def operations() -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, item in DOCUMENT["paths"].items():
        for method in METHODS & item.keys():
            yield path, method, item[method]


def contents() -> Iterator[tuple[str, dict[str, Any]]]:
    """Yields every described body, with where it stands."""
    for path, method, operation in operations():
        bodies = {"request": operation.get("requestBody", {}), **operation["responses"]}
        for name, body in bodies.items():
            for kind, content in resolved(body).get("content", {}).items():
                yield f"{method} {path} {name} {kind}", content


def check(answer: httpx.Response, path: str, method: str = "get") -> None:
    """Compares a real answer with what is described for it."""
    described = DOCUMENT["paths"][path][method]["responses"].get(str(answer.status_code))
    assert described is not None, f"{method} {path} {answer.status_code} is not described"
    response = resolved(described)
    for name, header in response.get("headers", {}).items():
        if resolved(header).get("required"):
            assert name.lower() in answer.headers
    content = response.get("content", {})
    if not content:
        assert answer.content == b""
        return
    [(kind, body)] = content.items()
    assert answer.headers["content-type"].partition(";")[0] == kind
    if kind.endswith("json"):
        validator(resolved(body["schema"])).validate(answer.json())


def test_the_description_is_openapi_3_1_and_whole() -> None:
    assert DOCUMENT["openapi"] == "3.1.0"
    assert {"title", "version"} <= DOCUMENT["info"].keys()
    for reference in references(DOCUMENT):
        resolved(reference)
    ids = [operation["operationId"] for _, _, operation in operations()]
    assert len(ids) == len(set(ids))
    for path, method, operation in operations():
        where = f"{method} {path}"
        assert operation["summary"], where
        assert "security" in operation, where
        for requirement in operation["security"]:
            assert requirement.keys() <= DOCUMENT["components"]["securitySchemes"].keys()
        named = {
            resolved(parameter)["name"]
            for parameter in operation.get("parameters", ())
            if resolved(parameter)["in"] == "path"
        }
        assert named == {part[1:-1] for part in path.split("/") if part.startswith("{")}, where
    for schema in DOCUMENT["components"]["schemas"].values():
        jsonschema_rs.meta.validate(schema)


def test_every_body_has_an_example_that_its_schema_allows() -> None:
    found = list(contents())
    assert len(found) > 40
    for where, content in found:
        assert "example" in content, where
        assert validator(resolved(content["schema"])).is_valid(content["example"]), where


def test_an_example_that_is_wrong_is_noticed() -> None:
    problem = DOCUMENT["components"]["schemas"]["Problem"]
    assert not validator(problem).is_valid(
        {"type": "urn:fte:problem:x", "title": "x", "status": 99}
    )
    customer_schema = DOCUMENT["components"]["schemas"]["Customer"]
    example = next(
        c["example"] for where, c in contents() if where.startswith("get /customers/lookup 200")
    )
    assert not validator(customer_schema).is_valid({**example, "customer_id": "1"})
    assert not validator(customer_schema).is_valid({**example, "password": "x"})


async def test_what_is_described_is_there_and_what_is_there_is_described(edge: Edge) -> None:
    routes = {
        (route.path, method.lower())
        for route in edge.routes
        for method in (route.methods or ())
        if method.lower() in METHODS
    }
    described = {(path, method) for path, method, _ in operations()}
    assert described <= routes
    assert {route for route in routes if route[0].startswith(INTERFACE)} <= described


async def test_the_description_is_served(edge: Edge) -> None:
    answer = await edge.http.get("/openapi.json")
    check(answer, "/openapi.json")
    served = answer.json()
    assert served.pop("servers") == [{"url": URL}]
    assert served == json.loads(json.dumps(DOCUMENT))


@pytest.mark.parametrize(
    ("path", "wanted", "key", "status"),
    [
        ("/conversations/{conversation_id}", f"/conversations/{ID}", KEY, 200),
        ("/conversations/{conversation_id}", "/conversations/1", KEY, 404),
        ("/conversations/{conversation_id}", f"/conversations/{ID}", "", 401),
        ("/conversations/{conversation_id}", f"/conversations/{ID}", ONLY_METRICS, 403),
        ("/customers/lookup", "/customers/lookup?email=ada@example.com", KEY, 200),
        ("/customers/lookup", "/customers/lookup?email=eve@example.com", KEY, 404),
        ("/customers/lookup", "/customers/lookup", KEY, 400),
        ("/metrics/channels", "/metrics/channels", KEY, 200),
        ("/metrics/channels", "/metrics/channels", "wrong", 401),
        ("/health", "/health", "", 200),
        ("/support/ticket/{ticket_id}", f"/support/ticket/{ID}?token=wrong", "", 404),
    ],
)
async def test_real_answers_are_as_described(
    edge: Edge, path: str, wanted: str, key: str, status: int
) -> None:
    edge.others.conversations[ID] = conversation()
    customer(edge)
    answer = await edge.http.get(wanted, headers={KEY_HEADER: key} if key else {})
    assert answer.status_code == status
    check(answer, path)


async def test_real_refusals_are_as_described(edge: Edge) -> None:
    check(await edge.http.post("/support/submit", json=GOOD), "/support/submit", "post")
    key = {"idempotency-key": "one"}
    await edge.http.post("/support/submit", json=GOOD, headers=key)
    other = await edge.http.post("/support/submit", json={**GOOD, "name": "Bea"}, headers=key)
    assert other.status_code == 409
    check(other, "/support/submit", "post")
    for content, kind, status in (
        (b"{", "application/json", 400),
        (b"{}", "application/json", 422),
        (b"x", "text/plain", 415),
        (b"x" * 300_000, "application/json", 413),
    ):
        answer = await edge.http.post(
            "/support/submit", content=content, headers={"content-type": kind}
        )
        assert answer.status_code == status
        check(answer, "/support/submit", "post")
    form = {"content-type": "application/x-www-form-urlencoded"}
    check(await edge.http.post("/webhooks/whatsapp", headers=form), "/webhooks/whatsapp", "post")
    check(await edge.http.post("/webhooks/gmail", json={}), "/webhooks/gmail", "post")
    edge.others.away = True
    check(await edge.http.get("/metrics/channels", headers={KEY_HEADER: KEY}), "/metrics/channels")
    edge.checks["agent"] = False
    for _ in range(200):
        answer = await edge.http.get("/metrics/channels", headers={KEY_HEADER: KEY})
        if answer.status_code == 429:
            break
    assert answer.status_code == 429
    check(answer, "/metrics/channels")


async def test_a_failing_health_is_as_described(edge: Edge) -> None:
    edge.checks["agent"] = False
    answer = await edge.http.get("/health")
    assert answer.status_code == 503
    check(answer, "/health")
