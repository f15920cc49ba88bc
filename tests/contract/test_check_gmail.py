"""`fte check gmail` names each fault and what to do, against the Gmail simulator."""

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from chassis.google_access import GoogleFault
from cli.check_gmail import CURES, check_gmail
from cli.doctor import Finding
from tests.contract.simulators_running import (
    CLIENT_ID,
    CLIENT_SECRET,
    MAILBOX,
    REFRESH_TOKEN,
    SALES,
    SALES_TOKEN,
    TOPIC,
    Simulator,
    free_port,
    new_service_account_key,
    service_account_key,
    simulator,
)


class Intake:
    """Stands where intake's health page stands; `states` is what it tells of the mailboxes."""

    def __init__(self) -> None:
        self.url = f"http://127.0.0.1:{free_port()}"
        self.states: list[dict[str, Any]] = []
        self.pushes = True
        self.asked = 0

    def told(self) -> dict[str, Any]:
        # The page is asked for once before the watch is renewed.
        self.asked += 1
        pushed = datetime.now(UTC).isoformat() if self.pushes and self.asked > 1 else None
        return {"mailboxes": [{"push_time": pushed, **state} for state in self.states]}


@contextmanager
def serving(intake: Intake) -> Iterator[None]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps(intake.told()).encode()
            self.send_response(503)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_POST(self) -> None:
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", int(intake.url.rpartition(":")[2])), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    with simulator("gmail", tmp_path_factory.mktemp("gmail"), "http://127.0.0.1:9") as running:
        yield running


@pytest.fixture
def gmail(process: Simulator) -> Simulator:
    process.reset()
    return process


@pytest.fixture
def intake() -> Iterator[Intake]:
    made = Intake()
    made.states = [state(MAILBOX), state(SALES)]
    with serving(made):
        yield made


def state(mailbox: str, **changed: Any) -> dict[str, Any]:
    now = datetime.now(UTC)
    return {
        "mailbox": mailbox,
        "look_time": now.isoformat(),
        "look_error": "",
        "watch_expire_time": (now + timedelta(days=7)).isoformat(),
        "watch_error": "",
        **changed,
    }


def found(
    gmail: Simulator,
    intake: Intake,
    home: Path,
    changed: Mapping[str, str] | None = None,
    wait: float = 0.0,
) -> list[Finding]:
    environ = {
        "FTE_HOME": str(home),
        "FTE_GMAIL_ADDRESS": MAILBOX,
        "FTE_GMAIL_API_URL": gmail.url,
        "FTE_GMAIL_TOKEN_URL": f"{gmail.url}/token",
        "FTE_GMAIL_CLIENT_ID": CLIENT_ID,
        "FTE_GMAIL_CLIENT_SECRET": CLIENT_SECRET,
        "FTE_GMAIL_REFRESH_TOKEN": REFRESH_TOKEN,
        "FTE_GMAIL_TOPIC": TOPIC,
        "FTE_PUBLIC_URL": intake.url,
        **(changed or {}),
    }
    return check_gmail(environ, wait)


def faults(findings: list[Finding]) -> list[str]:
    return [finding.check for finding in findings if not finding.fine]


def test_good_mailboxes_are_told_to_be_so(gmail: Simulator, intake: Intake, tmp_path: Path) -> None:
    several = {
        "FTE_GMAIL_ADDRESS": f"{MAILBOX},{SALES}",
        "FTE_GMAIL_REFRESH_TOKEN": f"{REFRESH_TOKEN},{SALES_TOKEN}",
    }
    findings = found(gmail, intake, tmp_path, several, wait=5)
    assert faults(findings) == []
    assert [finding.check for finding in findings] == [
        "mailbox", "watch", "reading", "renewal", "push",
    ] * 2  # fmt: skip
    by_key = {"FTE_GMAIL_SERVICE_ACCOUNT": json.dumps(service_account_key())}
    assert faults(found(gmail, intake, tmp_path, {**several, **by_key})) == []
    file = tmp_path / "key.json"
    file.write_text(json.dumps(service_account_key()))
    assert faults(found(gmail, intake, tmp_path, {"FTE_GMAIL_SERVICE_ACCOUNT": str(file)})) == []


@pytest.mark.parametrize(
    ("fault", "allowed", "changed"),
    [
        ("bad_key", {}, {"FTE_GMAIL_SERVICE_ACCOUNT": json.dumps(new_service_account_key())}),
        ("bad_key", {}, {"FTE_GMAIL_SERVICE_ACCOUNT": "{not json"}),
        ("bad_key", {}, {"FTE_GMAIL_SERVICE_ACCOUNT": "/no/such/file"}),
        ("delegation_refused", {"delegation": False}, {"FTE_GMAIL_SERVICE_ACCOUNT": "good"}),
        (
            "mailbox_unknown",
            {},
            {"FTE_GMAIL_SERVICE_ACCOUNT": "good", "FTE_GMAIL_ADDRESS": "nobody@example.com"},
        ),
        ("mailbox_unknown", {}, {"FTE_GMAIL_REFRESH_TOKEN": SALES_TOKEN}),
        ("mailbox_unknown", {"mail": False}, {}),
        ("missing_scope", {"scopes": []}, {}),
        (
            "missing_scope",
            {"scopes": ["https://www.googleapis.com/auth/gmail.readonly"]},
            {},
        ),
        ("topic_not_permitted", {"topic": False}, {}),
        ("topic_unknown", {}, {"FTE_GMAIL_TOPIC": "projects/local/topics/other"}),
        ("topic_unknown", {}, {"FTE_GMAIL_TOPIC": "gmail"}),
        ("token_revoked", {}, {"FTE_GMAIL_REFRESH_TOKEN": "old"}),
        ("client_unknown", {}, {"FTE_GMAIL_CLIENT_SECRET": "wrong"}),
        ("unreachable", {}, {"FTE_GMAIL_TOKEN_URL": "http://127.0.0.1:9/token"}),
        ("settings", {}, {"FTE_GMAIL_ADDRESS": f"{MAILBOX},{SALES}"}),
    ],
)
def test_each_fault_is_named_with_what_to_do(
    gmail: Simulator,
    intake: Intake,
    tmp_path: Path,
    fault: str,
    allowed: Mapping[str, Any],
    changed: dict[str, str],
) -> None:
    gmail.call("POST", "/_access", allowed)
    if changed.get("FTE_GMAIL_SERVICE_ACCOUNT") == "good":
        changed = {**changed, "FTE_GMAIL_SERVICE_ACCOUNT": json.dumps(service_account_key())}
    findings = found(gmail, intake, tmp_path, changed)
    assert faults(findings) == [fault]
    [wrong] = [finding for finding in findings if not finding.fine]
    assert wrong.cure
    for secret in (REFRESH_TOKEN, CLIENT_SECRET, "PRIVATE KEY"):
        assert secret not in json.dumps([finding.as_json() for finding in findings])


def test_every_fault_has_a_cure() -> None:
    assert set(CURES) == set(GoogleFault)


def test_a_push_that_never_arrives_is_told_with_the_subscription_it_needs(
    gmail: Simulator, intake: Intake, tmp_path: Path
) -> None:
    intake.pushes = False
    findings = found(gmail, intake, tmp_path, wait=0.6)
    assert faults(findings) == ["push_never_arrived"]
    assert f"{intake.url}/webhooks/gmail" in findings[-1].cure
    old = (datetime.now(UTC) - timedelta(hours=1)).isoformat()
    intake.states = [state(MAILBOX, push_time=old)]
    assert faults(found(gmail, intake, tmp_path, wait=0.6)) == ["push_never_arrived"]


def test_a_watch_that_expires_and_a_mailbox_that_is_not_read_are_told(
    gmail: Simulator, intake: Intake, tmp_path: Path
) -> None:
    soon = (datetime.now(UTC) + timedelta(hours=47)).isoformat()
    intake.states = [state(MAILBOX, watch_expire_time=soon, watch_error="topic_not_permitted")]
    findings = found(gmail, intake, tmp_path)
    assert faults(findings) == ["watch_expiring"]
    assert findings[-1].cure == CURES[GoogleFault.TOPIC_NOT_PERMITTED]
    late = (datetime.now(UTC) - timedelta(minutes=6)).isoformat()
    intake.states = [state(MAILBOX, look_time=late, look_error="token_revoked")]
    assert faults(found(gmail, intake, tmp_path)) == ["not_read"]
    intake.states = []
    assert faults(found(gmail, intake, tmp_path)) == ["intake"]


def test_a_wrong_clock_is_told(
    gmail: Simulator, intake: Intake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cli.check_gmail._skew", lambda _: timedelta(minutes=-3))
    assert faults(found(gmail, intake, tmp_path)) == ["clock_wrong"]
