"""The Dapr resources hold what code and the broker rely on."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml

from devstack.broker import STREAM, read_durables
from devstack.ports import SERVICES, Port

ROOT = Path(__file__).resolve().parents[2]
COMPONENTS = ROOT / "components"
FOLDERS = ("shared", "nats", "local")

SUBSCRIBERS = {
    "fte.tickets.incoming": {"agent"},
    "fte.tickets.settled": {"intake"},
    "fte.channels.email.outbound": {"delivery"},
    "fte.channels.whatsapp.outbound": {"delivery"},
    "fte.channels.web_form.outbound": {"delivery"},
    "fte.channels.delivered": {"agent"},
    "fte.channels.status": {"delivery"},
    "fte.channels.status.settled": {"intake"},
    "fte.metrics": {"metrics"},
    "fte.metrics.settled": {"agent", "identity", "delivery"},
}
WITHOUT_SUBSCRIBER = {
    "fte.channels.email.inbound",
    "fte.channels.whatsapp.inbound",
    "fte.channels.web_form.inbound",
    "fte.escalations",
    "fte.dlq",
    "fte.probe",
}


def documents(*folders: str) -> list[tuple[Path, dict[str, Any]]]:
    return [
        (path, document)
        for folder in folders
        for path in sorted((COMPONENTS / folder).glob("*.yaml"))
        for document in yaml.safe_load_all(path.read_text())
        if document
    ]


def of_kind(kind: str, *folders: str) -> list[dict[str, Any]]:
    return [document for _, document in documents(*folders) if document["kind"] == kind]


def values(component: dict[str, Any]) -> dict[str, str]:
    return {item["name"]: item.get("value", "") for item in component["spec"]["metadata"]}


def test_every_topic_has_one_subscription_for_each_subscriber() -> None:
    found = Counter(
        (document["spec"]["topic"], scope)
        for document in of_kind("Subscription", "nats")
        for scope in document["scopes"]
    )
    wanted = {(topic, app) for topic, apps in SUBSCRIBERS.items() for app in apps}
    assert set(found) == wanted
    assert set(found.values()) == {1}


def test_publishing_is_allowed_for_exactly_the_topics_there_are() -> None:
    (pubsub,) = (
        document
        for document in of_kind("Component", "nats")
        if document["metadata"]["name"] == "pubsub"
    )
    allowed = values(pubsub)["allowedTopics"].replace(" ", "").split(",")
    assert set(allowed) == set(SUBSCRIBERS) | WITHOUT_SUBSCRIBER
    by_app = dict(
        part.split("=") for part in values(pubsub)["publishingScopes"].replace(" ", "").split(";")
    )
    assert set(by_app) == set(SERVICES)
    assert {topic for topics in by_app.values() for topic in topics.split(",")} == set(allowed)


def test_no_subscription_has_a_dead_letter_topic() -> None:
    # With one, and no retry policy, the first RETRY already goes there.
    assert not [
        document
        for document in of_kind("Subscription", *FOLDERS)
        if "deadLetterTopic" in document["spec"]
    ]


@pytest.mark.parametrize("kind", ["Component", "Subscription", "Resiliency"])
def test_everything_has_scopes_of_known_services(kind: str) -> None:
    resources = of_kind(kind, *FOLDERS)
    assert resources
    for resource in resources:
        assert resource.get("scopes"), resource["metadata"]["name"]
        assert set(resource["scopes"]) <= set(SERVICES)


def test_one_resiliency_in_a_file() -> None:
    files = [path for path, document in documents(*FOLDERS) if document["kind"] == "Resiliency"]
    assert len(files) == len(set(files))


def test_resiliency_names_only_components_that_exist() -> None:
    names = {document["metadata"]["name"] for document in of_kind("Component", *FOLDERS)}
    targeted = {
        name
        for document in of_kind("Resiliency", *FOLDERS)
        for name in document["spec"]["targets"]["components"]
    }
    assert targeted <= names
    subscribing = {document["spec"]["pubsubname"] for document in of_kind("Subscription", "nats")}
    assert subscribing <= targeted


def test_a_component_name_is_defined_once() -> None:
    names = Counter(document["metadata"]["name"] for document in of_kind("Component", *FOLDERS))
    assert {"pubsub", "statestore", "metrics-db", "gmail", "twilio"} <= set(names)
    assert set(names.values()) == {1}


def test_each_component_is_seen_by_those_who_need_it_only() -> None:
    scopes = {
        document["metadata"]["name"]: set(document["scopes"])
        for document in of_kind("Component", *FOLDERS)
    }
    assert scopes["statestore"] == {"agent"}
    assert scopes["metrics-db"] == {"metrics"}
    assert scopes["twilio"] == {"delivery"}
    assert scopes["gmail"] == {"intake", "delivery"}
    assert scopes["pubsub"] == set(SERVICES)


def test_provider_bindings_report_each_answer_and_repeat_no_send() -> None:
    bindings = [
        document
        for document in of_kind("Component", "shared")
        if document["spec"]["type"] == "bindings.http"
    ]
    assert {binding["metadata"]["name"] for binding in bindings} == {"gmail", "twilio"}
    for binding in bindings:
        assert values(binding)["errorIfNot2XX"] == "false"
        assert values(binding)["direction"] == "output"
        assert values(binding)["responseTimeout"]
    for resiliency in of_kind("Resiliency", "shared"):
        for name, target in resiliency["spec"]["targets"]["components"].items():
            if name in ("gmail", "twilio"):
                retry = target["outbound"]["retry"]
                assert resiliency["spec"]["policies"]["retries"][retry]["maxRetries"] == 0


def test_every_subscribing_component_is_a_durable_of_its_own() -> None:
    durables = read_durables()
    assert len({durable.name for durable in durables}) == len(durables)
    assert {durable.topic for durable in durables} == set(SUBSCRIBERS)
    for component in of_kind("Component", "nats"):
        assert values(component)["streamName"] == STREAM
        assert values(component)["concurrency"] == "single"
    for durable in durables:
        # A handler takes a second at most; an event must not come again while it waits its turn.
        assert durable.ack_wait_seconds > durable.max_ack_pending
        assert not durable.deliver_subject.startswith(f"{STREAM}.")


def test_dapr_yaml_has_the_ports_of_the_local_stack() -> None:
    apps = yaml.safe_load((ROOT / "dapr.yaml").read_text())["apps"]
    assert tuple(app["appID"] for app in apps) == SERVICES
    for app in apps:
        name = app["appID"].upper()
        assert app["appPort"] == Port[f"{name}_APP"]
        assert app["daprGRPCPort"] == Port[f"{name}_DAPR_GRPC"]
        assert app["daprHTTPPort"] == Port[f"{name}_DAPR_HTTP"]
        assert app["daprInternalGRPCPort"] == Port[f"{name}_DAPR_INTERNAL"]
        assert app["metricsPort"] == Port[f"{name}_DAPR_METRICS"]
        if f"{name}_LOCAL" in Port.__members__:
            assert app["env"]["FTE_LOCAL_GRPC_PORT"] == Port[f"{name}_LOCAL"]
