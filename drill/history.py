"""Owns the history of what was sent in: every request with its outcome, every message with its fate.

A request is invoked, then it is ok (2xx), a fail (surely not taken: nobody listened, or a 4xx), or
unknown (a timeout, a broken connection, a 5xx): the message may or may not be in.
"""

import json
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from cli.outside import Mail, Ticket


class Step(StrEnum):
    """What happened to a request."""

    INVOKE = "invoke"
    OK = "ok"
    FAIL = "fail"
    UNKNOWN = "unknown"


class Wish(StrEnum):
    """What must become of a message."""

    ANSWER = "answer"
    PERSON = "person"
    SILENCE = "silence"


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the history; `at` in Unix seconds, `request` counts the requests of one message."""

    at: float
    step: Step
    message: str
    request: int
    detail: str = ""


@dataclass(slots=True)
class Message:
    """One message that a customer wrote; repeats of it are requests, not messages.

    `key` is known before it is sent: the SID, the mail's or the form's subject. `provider_id` is what
    the inbox keys it by, empty until it is known.
    """

    key: str
    channel: str
    sender: str
    wish: Wish
    provider_id: str = ""
    mail: Mail | None = None
    ticket: Ticket | None = None
    first_time: float = 0.0
    accept_time: float = 0.0
    requests: int = 0
    oks: int = 0
    fails: int = 0
    unknowns: int = 0

    @property
    def accepted(self) -> bool:
        """Tells whether it was acknowledged at least once."""
        return self.oks > 0

    @property
    def in_doubt(self) -> bool:
        """Tells whether it may be in although nobody said so: a request ended unknown, or not at all."""
        return not self.accepted and self.fails < self.requests


@dataclass(slots=True)
class History:
    """Collects the entries in order, and the messages by key."""

    messages: dict[str, Message] = field(default_factory=dict)
    entries: list[Entry] = field(default_factory=list)
    contradictions: list[str] = field(default_factory=list)

    def add(self, message: Message) -> None:
        """Begins a message before its first request."""
        self.messages[message.key] = message

    def invoke(self, message: Message) -> int:
        """Notes that a request begins; returns its number."""
        message.requests += 1
        now = self._note(message, message.requests, Step.INVOKE, "")
        message.first_time = message.first_time or now
        return message.requests

    def ok(self, message: Message, request: int, detail: str = "") -> None:
        """Notes that a request was acknowledged."""
        message.oks += 1
        now = self._note(message, request, Step.OK, detail)
        message.accept_time = message.accept_time or now

    def fail(self, message: Message, request: int, detail: str) -> None:
        """Notes that a request was surely not taken."""
        message.fails += 1
        self._note(message, request, Step.FAIL, detail)

    def unknown(self, message: Message, request: int, detail: str) -> None:
        """Notes that nobody can say whether a request was taken."""
        message.unknowns += 1
        self._note(message, request, Step.UNKNOWN, detail)

    def contradict(self, text: str) -> None:
        """Notes an answer that no right system gives, such as two tickets for one form."""
        self.contradictions.append(text)

    def accepted(self) -> Iterable[Message]:
        """Returns the messages that were acknowledged."""
        return (message for message in self.messages.values() if message.accepted)

    def write(self, path: Path) -> None:
        """Writes one JSON object a line."""
        with path.open("w") as file:
            for one in self.entries:
                line = {
                    "at": round(one.at, 3),
                    "step": one.step.value,
                    "message": one.message,
                    "request": one.request,
                    **({"detail": one.detail} if one.detail else {}),
                }
                file.write(json.dumps(line) + "\n")

    def _note(self, message: Message, request: int, step: Step, detail: str) -> float:
        now = time.time()
        self.entries.append(Entry(now, step, message.key, request, detail))
        return now
