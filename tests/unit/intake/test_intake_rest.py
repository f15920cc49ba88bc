"""Conversations, customers and figures as the REST interface shows them; a lookup is kept while it is true."""

from typing import Any
from uuid import UUID

import httpx
import pytest

from fte.agent.v1 import agent_service_pb2 as agent
from fte.conversation.v1 import conversation_pb2 as nouns
from fte.delivery.v1.delivery_service_pb2 import ChannelState
from fte.identity.v1 import identity_service_pb2 as identity
from fte.metrics.v1 import metrics_service_pb2 as metrics
from services.intake.adapters.http.access import KEY_HEADER
from tests.unit.intake.edge import KEY, Edge, problem
from tests.unit.intake.intake_fakes import NOW

ID = UUID("0198f3c2-6a1e-7c55-9a60-3b2f6f1d2a10")
EMAIL, PHONE = nouns.HANDLE_TYPE_EMAIL, nouns.HANDLE_TYPE_PHONE


async def get(edge: Edge, path: str, **params: str) -> httpx.Response:
    return await edge.http.get(path, params=params or None, headers={KEY_HEADER: KEY})


def conversation() -> agent.GetConversationResponse:
    answer = agent.GetConversationResponse(
        conversation=agent.Conversation(
            conversation_id=str(ID),
            customer_id=str(ID),
            side="verified",
            initial_channel=nouns.CHANNEL_WHATSAPP,
            status="escalated",
            escalated_to="support",
            channel_switches=2,
            owner="human",
            owner_name="Grace",
        ),
        messages=[
            agent.Message(
                message_id=str(ID),
                direction="inbound",
                role="customer",
                channel=nouns.CHANNEL_EMAIL,
                content="Hello",
            )
        ],
    )
    answer.conversation.start_time.FromDatetime(NOW)
    answer.messages[0].create_time.FromDatetime(NOW)
    return answer


def customer(edge: Edge, generation: int = 1, **handles: int) -> identity.Customer:
    made = identity.Customer(customer_id=str(ID), display_name="Ada", generation=generation)
    made.create_time.FromDatetime(NOW)
    for value, kind in {"ada@example.com": EMAIL, **handles}.items():
        entry = made.identifiers.add(verified=True, evidence="dmarc_pass")
        entry.handle.type = kind  # type: ignore[assignment]
        entry.handle.value = value
        entry.create_time.FromDatetime(NOW)
        edge.others.customers[kind, value] = made
    return made


async def test_a_conversation_is_shown(edge: Edge) -> None:
    edge.others.conversations[ID] = conversation()
    answer = await get(edge, f"/conversations/{ID}")
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    body = answer.json()
    assert (body["status"], body["escalated_to"], body["owner_name"]) == (
        "escalated", "support", "Grace",
    )  # fmt: skip
    assert body["ticket"] is None
    [message] = body["messages"]
    assert (message["channel"], message["content"]) == ("email", "Hello")
    assert message["time"] == "2026-03-01T12:00:00+00:00"


@pytest.mark.parametrize("wanted", [str(ID), "1", "' OR 1=1", "%00", "x" * 2000])
async def test_an_unknown_conversation_is_a_404(edge: Edge, wanted: str) -> None:
    problem(await get(edge, f"/conversations/{wanted}"), 404, "not-found")


async def test_a_customer_is_found_by_address_and_by_number(edge: Edge) -> None:
    customer(edge, **{"+15550100": PHONE})
    for params in ({"email": "ada@example.com"}, {"phone": "+15550100"}):
        body = (await get(edge, "/customers/lookup", **params)).json()
        assert body["customer_id"] == str(ID)
        assert [entry["type"] for entry in body["identifiers"]] == ["email", "phone"]
        assert (body["conversation_count"], body["open_conversation_count"]) == (1, 1)


async def test_an_unescaped_plus_sign_is_understood(edge: Edge) -> None:
    customer(edge, **{"+15550100": PHONE})
    assert (await get(edge, "/customers/lookup?phone=+15550100")).status_code == 200


@pytest.mark.parametrize(
    "query",
    [
        "",
        "?email=",
        "?phone=%20",
        "?name=ada",
        "?email=ada@example.com&phone=%2B15550100",
        "?email=a@example.com&email=b@example.com",
        "?phone=12345",
        f"?email={'x' * 400}",
    ],
)
async def test_a_lookup_without_exactly_one_handle_is_a_400(edge: Edge, query: str) -> None:
    body = problem(await get(edge, f"/customers/lookup{query}"), 400, "wrong-query")
    assert "ada" not in str(body["detail"])


async def test_nobodys_address_is_a_404_and_is_asked_again(edge: Edge) -> None:
    problem(await get(edge, "/customers/lookup", email="ada@example.com"), 404, "not-found")
    customer(edge)
    assert (await get(edge, "/customers/lookup", email="ada@example.com")).status_code == 200


async def lookup(edge: Edge) -> dict[str, Any]:
    edge.others.asked.clear()
    found: dict[str, Any] = (await get(edge, "/customers/lookup", email="ada@example.com")).json()
    return found


async def test_a_lookup_is_kept_for_a_minute(edge: Edge) -> None:
    customer(edge)
    first = await lookup(edge)
    assert edge.others.asked == ["customer", "counts"]
    edge.others.counts = agent.CountConversationsResponse(total=9, open=9)
    edge.now += 59
    assert await lookup(edge) == first
    assert edge.others.asked == ["binding"]
    edge.now += 1
    assert (await lookup(edge))["conversation_count"] == 9


@pytest.mark.parametrize("how", ["link", "merge", "gone"])
async def test_a_link_or_merge_ends_it_at_once(edge: Edge, how: str) -> None:
    customer(edge)
    await lookup(edge)
    match how:
        case "link":
            customer(edge, generation=2, **{"+15550100": PHONE})
            assert len((await lookup(edge))["identifiers"]) == 2
        case "merge":
            customer(edge).customer_id = "0198f3c2-6a1e-7c55-9a60-3b2f6f1d2a11"
            assert (await lookup(edge))["customer_id"] != str(ID)
        case _:
            edge.others.customers.clear()
            assert (await lookup(edge))["status"] == 404


async def test_a_customer_without_a_conversation_yet_is_not_kept(edge: Edge) -> None:
    customer(edge)
    edge.others.counts = agent.CountConversationsResponse()
    assert (await lookup(edge))["latest_conversation_id"] is None
    edge.others.counts = agent.CountConversationsResponse(
        total=1, open=1, latest_conversation_id=str(ID)
    )
    assert (await lookup(edge))["latest_conversation_id"] == str(ID)


async def test_channels_are_reported_over_a_day_and_an_absent_figure_is_null(edge: Edge) -> None:
    edge.others.report = metrics.ReportChannelsResponse(
        channels=[
            metrics.ChannelReport(
                channel=nouns.CHANNEL_EMAIL, responses=3, escalations=1, escalation_rate=0.25,
                latency_p50_ms=0.0,
            ),
            metrics.ChannelReport(channel=nouns.CHANNEL_WEB_FORM),
        ]
    )  # fmt: skip
    body = (await get(edge, "/metrics/channels")).json()
    assert edge.others.asked == ["reports 24"]
    email, form = body["channels"]
    assert (email["escalation_rate"], email["latency_p50_ms"], email["sentiment_mean"]) == (
        0.25, 0.0, None,
    )  # fmt: skip
    assert (form["responses"], form["escalation_rate"]) == (0, None)


@pytest.mark.parametrize(
    "path", [f"/conversations/{ID}", "/customers/lookup?email=a@example.com", "/metrics/channels"]
)
async def test_a_service_that_is_away_is_a_503_that_says_when_to_come_again(
    edge: Edge, path: str
) -> None:
    edge.others.away = True
    answer = await get(edge, path)
    problem(answer, 503, "unavailable")
    assert int(answer.headers["retry-after"]) >= 1


@pytest.mark.parametrize(
    ("state", "status"),
    [
        ({"enabled": True, "breaker": "closed"}, "ok"),
        ({"enabled": True, "breaker": "closed", "answers": True}, "ok"),
        ({"enabled": True, "breaker": "closed", "answers": False}, "degraded"),
        ({"enabled": True, "breaker": "open", "answers": True}, "degraded"),
        ({"enabled": True, "breaker": "half_open", "answers": True}, "degraded"),
        ({"enabled": False, "breaker": "closed", "answers": True}, "disabled"),
    ],
)
async def test_a_dark_provider_or_a_disabled_channel_is_shown_and_is_no_503(
    edge: Edge, state: dict[str, Any], status: str
) -> None:
    made = ChannelState(channel=nouns.CHANNEL_WHATSAPP, provider="twilio", **state)
    if "answers" in state:
        made.check_time.FromDatetime(NOW)
    edge.channels.append(made)
    answer = await edge.http.get("/health")
    assert answer.status_code == 200
    assert answer.json()["channels"]["whatsapp"]["status"] == status
