"""Runs simulators as processes for tests, and a receiver for what they post."""

import functools
import http.client
import json
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key

ACCOUNT_SID = "AC" + "1" * 32
AUTH_TOKEN = "a-token-of-the-account"
CLIENT_ID, CLIENT_SECRET, REFRESH_TOKEN = "local-client", "local-secret", "local-refresh"
MAILBOX = "support@example.com"
SALES, SALES_TOKEN = "sales@example.com", "sales-refresh"
SERVICE_ACCOUNT = "push@local.iam.gserviceaccount.com"
TOPIC = "projects/local/topics/gmail"

T = TypeVar("T")


@functools.cache
def service_account_key() -> dict[str, str]:
    """Returns the key that the Gmail simulator trusts, in the form of Google's key files."""
    return new_service_account_key()


def new_service_account_key() -> dict[str, str]:
    """Returns another key of the same account."""
    private = generate_private_key(65537, 2048).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return {
        "type": "service_account",
        "project_id": "local",
        "private_key_id": "1",
        "private_key": private.decode(),
        "client_email": "mail@local.iam.gserviceaccount.com",
        "client_id": "1",
        "token_uri": "https://oauth2.googleapis.com/token",
    }


def eventually(look: Callable[[], T], seconds: float = 20.0) -> T:
    """Polls until the look finds something and returns it; the last look decides."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if found := look():
            return found
        time.sleep(0.01)
    return look()


@dataclass(frozen=True)
class Posted:
    path: str
    headers: dict[str, str]
    body: bytes
    moment: float


@dataclass
class Receiver:
    """Stands where intake stands: records each post and answers what a test wants."""

    url: str
    posts: list[Posted] = field(default_factory=list)
    # Statuses for the next posts; afterwards 200.
    answers: list[int] = field(default_factory=list)
    # What intake says of an unsigned webhook; without it every post is answered as if it were signed.
    problem: bytes = b""

    def at(self, path: str) -> list[Posted]:
        return [post for post in self.posts if post.path == path]


@contextmanager
def receiver(port: int | None = None) -> Iterator[Receiver]:
    number = free_port() if port is None else port
    recorded = Receiver(f"http://127.0.0.1:{number}")

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            status = recorded.answers.pop(0) if recorded.answers else 200
            recorded.posts.append(Posted(self.path, dict(self.headers), body, time.monotonic()))
            unsigned = "X-Twilio-Signature" not in self.headers and recorded.problem
            self.send_response(403 if unsigned else status)
            body = recorded.problem if unsigned else b""
            if unsigned:
                self.send_header("content-type", "application/problem+json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        allow_reuse_address = True

    with Server(("127.0.0.1", number), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield recorded
        finally:
            server.shutdown()
            thread.join()


@dataclass
class Simulator:
    """Holds one simulator process over its home."""

    name: str
    home: Path
    public_url: str
    port: int
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        environment = {
            "PATH": os.environ["PATH"],
            "FTE_SIMULATOR_PORT": str(self.port),
            "FTE_SIMULATOR_HOME": str(self.home),
            "FTE_PUBLIC_URL": self.public_url,
            "FTE_TWILIO_ACCOUNT_SID": ACCOUNT_SID,
            "FTE_TWILIO_AUTH_TOKEN": AUTH_TOKEN,
            "FTE_GMAIL_ADDRESS": f"{MAILBOX},{SALES}",
            "FTE_GMAIL_CLIENT_ID": CLIENT_ID,
            "FTE_GMAIL_CLIENT_SECRET": CLIENT_SECRET,
            "FTE_GMAIL_REFRESH_TOKEN": f"{REFRESH_TOKEN},{SALES_TOKEN}",
            "FTE_GMAIL_SERVICE_ACCOUNT": json.dumps(service_account_key()),
            "FTE_GMAIL_TOPIC": TOPIC,
            "FTE_PUBSUB_SERVICE_ACCOUNT": SERVICE_ACCOUNT,
            "FTE_OPENAI_API_KEY": "local-key",
        }
        self.process = subprocess.Popen(
            [sys.executable, "-m", f"simulators.{self.name}"],
            env=environment,
            cwd=Path(__file__).parents[2],
        )
        eventually(self._ready)
        assert self._ready()

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def stop(self) -> float:
        """Ends the process by SIGTERM; returns the seconds that it took."""
        assert self.process is not None
        began = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(10)
        return time.monotonic() - began

    def call(
        self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None
    ) -> tuple[int, dict[str, str], Any]:
        """Makes one request; returns status, headers in lower case and the body read as JSON."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        try:
            connection.request(method, path, data, headers or {})
            answer = connection.getresponse()
            text = answer.read()
            seen = {name.lower(): value for name, value in answer.getheaders()}
            return answer.status, seen, json.loads(text) if text else None
        finally:
            connection.close()

    def receive(self, body: Any, headers: dict[str, str] | None = None) -> dict[str, Any]:
        status, _, answer = self.call("POST", "/_receive", body, headers)
        assert status == 200, answer
        assert isinstance(answer, dict)
        return answer

    def sent(self) -> list[dict[str, Any]]:
        entries = self.call("GET", "/_sent")[2]
        assert isinstance(entries, list)
        return entries

    def fault(self, **rule: Any) -> None:
        status, _, answer = self.call("POST", "/_faults", {"rules": [rule]})
        assert status == 200, answer

    def bitten(self) -> list[int]:
        return [rule["bitten"] for rule in self.call("GET", "/_faults")[2]["rules"]]

    def reset(self) -> None:
        assert self.call("POST", "/_reset")[0] == 200

    def _ready(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, "the simulator ended"
        try:
            return self.call("GET", "/_health")[0] == 200
        except OSError:
            return False


@contextmanager
def simulator(name: str, home: Path, public_url: str) -> Iterator[Simulator]:
    running = Simulator(name, home, public_url, free_port())
    running.start()
    try:
        yield running
    finally:
        if running.process is not None and running.process.poll() is None:
            running.stop()


def free_port() -> int:
    """Returns a free port below those that the kernel gives to outgoing connections."""
    while True:
        port = random.randint(20000, 32000)  # noqa: S311
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


def path_of(url: str) -> str:
    return urlsplit(url).path
