"""A far end that counts: every POST with its headers, and whether its connection had served one before."""

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.contract.simulators_running import free_port

REPEATABLE = {"idempotency-key", "x-idempotency-key"}
# One body that every client here can read as the answer it waits for.
_ANSWER = {
    "id": "one", "object": "chat.completion", "created": 1, "model": "m", "choices": [],
    "message": {"threadId": "thread"}, "sid": "SM1", "status": "queued",
    "access_token": "token", "expires_in": 3600, "token_type": "Bearer",
}  # fmt: skip


@dataclass(frozen=True)
class Post:
    path: str
    headers: dict[str, str]
    reused: bool


@dataclass
class Counting:
    """`trouble` (close, hang or 503) meets every POST to `troubled`, until it is cleared."""

    url: str
    posts: list[Post] = field(default_factory=list)
    troubled: str = ""
    trouble: str = ""
    released: threading.Event = field(default_factory=threading.Event)

    def at(self, path: str) -> list[Post]:
        return [post for post in self.posts if post.path == path]

    def prepare(self, path: str, trouble: str) -> None:
        self.posts.clear()
        self.troubled, self.trouble = path, trouble

    def calm(self) -> None:
        self.released.set()
        self.troubled = self.trouble = ""
        self.released = threading.Event()


def assert_one_plain_post(server: Counting, path: str) -> None:
    """Fails unless there was exactly one POST to the path, on a used connection, that nothing repeats."""
    posts = server.at(path)
    assert len(posts) == 1, f"{len(posts)} POSTs"
    assert posts[0].reused, "a fresh connection hides what repeats on a used one"
    for post in server.posts:
        assert not REPEATABLE & {name.lower() for name in post.headers}


@contextmanager
def counting_server() -> Iterator[Counting]:
    number = free_port()
    counting = Counting(f"http://127.0.0.1:{number}")
    served: set[object] = set()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # Headers and body leave in one segment.
        wbufsize = -1

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            reused = self.client_address in served
            path = self.path.partition("?")[0]
            counting.posts.append(Post(path, dict(self.headers), reused))
            if path == counting.troubled and counting.trouble in {"close", "hang"}:
                if counting.trouble == "hang":
                    counting.released.wait(20)
                self.close_connection = True
                self.connection.shutdown(socket.SHUT_RDWR)
                return
            self._answer(503 if path == counting.troubled else 200)

        def do_GET(self) -> None:
            self._answer(200)

        def _answer(self, status: int) -> None:
            served.add(self.client_address)
            body = json.dumps(_ANSWER).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        allow_reuse_address = True

        def handle_error(self, request: object, client_address: object) -> None:
            """Says nothing of a client that has given up: giving up is what is tested."""

    with Server(("127.0.0.1", number), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield counting
        finally:
            counting.calm()
            server.shutdown()
            thread.join()
