"""`fte check twilio` names each fault and its cure, by the official client against the simulator."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from cli.check_twilio import check_twilio
from cli.doctor import Finding
from tests.contract.simulators_running import (
    ACCOUNT_SID,
    AUTH_TOKEN,
    Receiver,
    Simulator,
    receiver,
    simulator,
)

SID = "HX" + "0" * 32
PROBLEM = b'{"type": "urn:fte:problem:signature"}'


@pytest.fixture(scope="module")
def intake() -> Iterator[Receiver]:
    with receiver() as running:
        yield running


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory, intake: Receiver) -> Iterator[Simulator]:
    with simulator("twilio", tmp_path_factory.mktemp("twilio"), intake.url) as running:
        yield running


@pytest.fixture
def twilio(process: Simulator, intake: Receiver) -> Simulator:
    process.reset()
    intake.answers.clear()
    return process


@pytest.fixture
def environ(twilio: Simulator, intake: Receiver, tmp_path: Path) -> dict[str, str]:
    return {
        "FTE_HOME": str(tmp_path),
        "FTE_TWILIO_API_URL": twilio.url,
        "FTE_TWILIO_ACCOUNT_SID": ACCOUNT_SID,
        "FTE_TWILIO_AUTH_TOKEN": AUTH_TOKEN,
        "FTE_TWILIO_TEMPLATES": f"en={SID}",
        "FTE_PUBLIC_URL": intake.url,
    }


def found(environ: dict[str, str]) -> dict[str, Finding]:
    return {finding.check: finding for finding in check_twilio(environ)}


def test_what_is_right_is_said_to_be(
    environ: dict[str, str], twilio: Simulator, intake: Receiver
) -> None:
    twilio.call("POST", "/_template", {"content_sid": SID})
    intake.problem = PROBLEM
    findings = found(environ)
    assert list(findings) == [
        "account",
        "WhatsApp sender",
        "webhook setting",
        "webhook address",
        "template en",
    ]
    assert all(finding.fine for finding in findings.values()), findings
    assert twilio.sent() == []


@pytest.mark.parametrize(
    "change", [{"FTE_TWILIO_AUTH_TOKEN": "wrong"}, {"FTE_TWILIO_ACCOUNT_SID": "AC" + "2" * 32}]
)
def test_a_wrong_account_or_token_is_all_that_is_told(
    environ: dict[str, str], change: dict[str, str]
) -> None:
    findings = found({**environ, **change})
    assert list(findings) == ["account"]
    assert not findings["account"].fine
    assert "FTE_TWILIO_AUTH_TOKEN" in findings["account"].cure


def test_a_twilio_that_cannot_be_reached(environ: dict[str, str]) -> None:
    findings = found({**environ, "FTE_TWILIO_API_URL": "http://127.0.0.1:9"})
    assert "cannot be asked" in findings["account"].found


def test_a_number_that_is_no_whatsapp_sender(environ: dict[str, str]) -> None:
    finding = found({**environ, "FTE_TWILIO_WHATSAPP_FROM": "+15550199"})["WhatsApp sender"]
    assert not finding.fine
    assert "+14155238886" in finding.found
    assert "FTE_TWILIO_WHATSAPP_FROM" in finding.cure


def test_a_sender_that_is_not_online(environ: dict[str, str], twilio: Simulator) -> None:
    twilio.call("POST", "/_sender", {"status": "OFFLINE"})
    finding = found(environ)["WhatsApp sender"]
    assert (finding.fine, "OFFLINE" in finding.found) == (False, True)


@pytest.mark.parametrize(
    "change", [{"callback_url": "https://elsewhere.example/hook"}, {"method": "GET"}]
)
def test_a_wrong_webhook(
    environ: dict[str, str], twilio: Simulator, intake: Receiver, change: dict[str, str]
) -> None:
    twilio.call("POST", "/_sender", change)
    finding = found(environ)["webhook setting"]
    assert not finding.fine
    assert f"{intake.url}/webhooks/whatsapp" in finding.cure


def test_an_address_that_leads_elsewhere(environ: dict[str, str], intake: Receiver) -> None:
    intake.problem = b""
    finding = found(environ)["webhook address"]
    assert not finding.fine
    assert "answers 200" in finding.found
    nowhere = found({**environ, "FTE_PUBLIC_URL": "http://127.0.0.1:9"})["webhook address"]
    assert "cannot be reached" in nowhere.found


@pytest.mark.parametrize(
    ("template", "says"),
    [
        (None, "does not exist"),
        ({"status": "pending"}, "is pending"),
        ({"status": "rejected"}, "is rejected"),
        ({"body": "Hello {{1}}"}, "has the places 1"),
        ({"body": "Hello"}, "has the places none"),
    ],
)
def test_a_template_that_cannot_be_used(
    environ: dict[str, str], twilio: Simulator, template: dict[str, str] | None, says: str
) -> None:
    if template is not None:
        twilio.call("POST", "/_template", {"content_sid": SID, **template})
    finding = found(environ)["template en"]
    assert (finding.fine, says in finding.found) == (False, True), finding
    assert finding.cure


def test_templates_that_are_written_wrongly(environ: dict[str, str]) -> None:
    findings = found({**environ, "FTE_TWILIO_TEMPLATES": "en:HX1"})
    assert not findings["templates"].fine
    assert found({**environ, "FTE_TWILIO_TEMPLATES": ""})["templates"].fine
