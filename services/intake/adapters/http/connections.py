"""Connections that are too slow are dropped, and what is no HTTP gets a problem document.

The server's own timer runs between requests only: a client that sends its header a byte at a time, or reads its
answer so, would keep a connection for ever. `Patience.drop_slow` looks at each connection once a second.
"""

import asyncio
import json
import resource
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, ClassVar
from uuid import uuid4

import h11
import structlog
from prometheus_client import Counter
from uvicorn.protocols.http.h11_impl import H11Protocol

LOOK_SECONDS = 1.0
# Longest request line with all headers.
HEADER_BYTES = 16 * 1024
# A reader must take as much in each of its periods, or all that is left.
LEAST_READ_BYTES = 16 * 1024
_BAD_REQUEST, _TOO_SLOW, _UNAVAILABLE = 400, 408, 503
# Files that the process opens beside connections: database, sidecar, logs.
_OTHER_FILES = 128
_FEWEST = 128

DROPPED = Counter(
    "fte_http_dropped",
    "connections ended for a slow client, or because there were too many",
    ["why"],
)

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a client may take, in seconds: for its header, its body, and each piece of the answer that it reads."""

    header_seconds: float
    body_seconds: float
    reader_seconds: float

    def drop_slow(self, connections: Iterable[object], now: float) -> None:
        """Ends the connections whose client is too slow; `now` is the monotonic clock."""
        for connection in list(connections):
            if isinstance(connection, EdgeProtocol):
                connection.drop_if_slow(self, now)


def most_connections() -> int:
    """Returns how many connections the process may hold: beyond its limit of files none could be accepted at all."""
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return max(_FEWEST, files - _OTHER_FILES)


class EdgeProtocol(H11Protocol):
    """One connection, with what its slowness is judged by."""

    most: ClassVar[int] = most_connections()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._stage: tuple[object, ...] = ()
        self._stage_time = time.monotonic()
        self._unread: int | None = None
        self._unread_time = 0.0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Takes a connection, or refuses it while there are too many."""
        super().connection_made(transport)
        if len(self.connections) > self.most:
            DROPPED.labels("too_many").inc()
            self._refuse(
                _UNAVAILABLE, "unavailable", "Too many connections. Try again in a moment."
            )

    def drop_if_slow(self, patience: Patience, now: float) -> None:
        """Drops the connection if its client has been too slow for too long."""
        if self.transport.is_closing():
            # It closes once everything is read; a reader that does not read would prevent that.
            self._judge_reader(patience, now)
            return
        stage = (self.conn.their_state, id(self.cycle), bool(self.conn.trailing_data[0]))
        if stage != self._stage:
            self._stage, self._stage_time = stage, now
        taken = now - self._stage_time
        if self._waits_for_header() and taken > patience.header_seconds:
            self._drop("header")
            if self.conn.trailing_data[0]:
                self._refuse(_TOO_SLOW, "too-slow", "The header took too long.")
            else:
                self.transport.abort()  # Opened in advance, and never used.
        elif self.conn.their_state is h11.SEND_BODY and taken > patience.body_seconds:
            self._drop("body")
            self.transport.abort()
        else:
            self._judge_reader(patience, now)

    def send_400_response(self, msg: str) -> None:
        """Answers what is no HTTP, or has too much of a header."""
        error = sys.exc_info()[1]
        status = getattr(error, "error_status_hint", _BAD_REQUEST)
        self._refuse(status, "malformed", "The request is no HTTP that this server reads.")

    def _waits_for_header(self) -> bool:
        if self.conn.their_state is not h11.IDLE:
            return False
        # Between two requests the server's own timer runs, until the next byte.
        return self.cycle is None or bool(self.conn.trailing_data[0])

    def _judge_reader(self, patience: Patience, now: float) -> None:
        unread = self.transport.get_write_buffer_size()
        if not unread:
            self._unread = None
        elif self._unread is None:
            self._unread, self._unread_time = unread, now
        elif now - self._unread_time > patience.reader_seconds:
            if unread > self._unread - LEAST_READ_BYTES:
                self._drop("reader")
                self.transport.abort()
            self._unread, self._unread_time = unread, now

    def _drop(self, what: str) -> None:
        DROPPED.labels(what).inc()
        log.info("slow client dropped", slow=what)

    def _refuse(self, status: int, kind: str, detail: str) -> None:
        if self.conn.our_state not in (h11.IDLE, h11.SEND_RESPONSE):
            self.transport.close()
            return
        phrase = HTTPStatus(status).phrase
        request_id = str(uuid4())
        body = json.dumps(
            {
                "type": f"urn:fte:problem:{kind}",
                "title": phrase,
                "status": status,
                "detail": detail,
                "instance": request_id,
            }
        ).encode()
        response = h11.Response(
            status_code=status,
            reason=phrase.encode(),
            headers=[
                (b"content-type", b"application/problem+json"),
                (b"content-length", str(len(body)).encode()),
                (b"x-request-id", request_id.encode()),
                (b"cache-control", b"no-store"),
                (b"connection", b"close"),
                *([(b"retry-after", b"2")] if status == _UNAVAILABLE else []),
            ],
        )
        for event in (response, h11.Data(data=body), h11.EndOfMessage()):
            self.transport.write(self.conn.send(event))
        self.transport.close()
