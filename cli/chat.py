"""Owns `fte chat`: a customer in the terminal, who writes and reads on one channel of the running stack.

It plays from outside, through the simulators and the status page, and sees what a customer would see.
"""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Final, Protocol, TextIO

import httpx

from cli.outside import Mail, Outside, Ticket

CHANNELS: Final = ("whatsapp", "email", "web_form")
ANSWER_SECONDS: Final = 60.0
# An answer may come in parts: it is over when nothing more came for this long.
QUIET_SECONDS: Final = 2.0
_POLL_SECONDS: Final = 0.2


class ChatError(Exception):
    """The chat cannot go on; the message says why, for the person at the terminal."""


class Correspondent(Protocol):
    """Writes as a customer on one channel, and reads what was sent back."""

    async def write(self, text: str) -> None:
        """Sends a message of the customer."""

    async def read(self) -> Sequence[str]:
        """Returns what has come since the last time, oldest first."""


class WhatsApp:
    """A customer at a telephone number."""

    def __init__(self, outside: Outside, number: str, seen: int) -> None:
        self._outside = outside
        self._number = number
        self._seen = seen

    async def write(self, text: str) -> None:
        """Sends a WhatsApp message."""
        await self._outside.write_whatsapp(self._number, text)

    async def read(self) -> Sequence[str]:
        """Returns the new messages to the number."""
        sent = await self._outside.whatsapps_sent(self._seen)
        self._seen += len(sent)
        return [part.body for part in sent if part.to == self._number]


class Email:
    """A customer at an address; all that is written is one thread."""

    def __init__(self, outside: Outside, address: str, seen: int) -> None:
        self._outside = outside
        self._address = address
        self._seen = seen
        self._subject = f"Question of {datetime.now(UTC):%Y-%m-%d %H:%M:%S}"
        self._first: Mail | None = None

    async def write(self, text: str) -> None:
        """Sends a mail: the first opens a thread, the others reply in it."""
        first = self._first
        if first is None:
            self._first = await self._outside.write_mail(self._address, self._subject, text)
            return
        thread = {"In-Reply-To": first.message_id, "References": first.message_id}
        await self._outside.write_mail(self._address, f"Re: {self._subject}", text, thread)

    async def read(self) -> Sequence[str]:
        """Returns the new mails to the address."""
        sent = await self._outside.mails_sent(self._seen)
        self._seen += len(sent)
        return [f"{mail.subject}\n\n{mail.body}" for mail in sent if self._address in mail.to]


class WebForm:
    """A customer who fills in the form once and replies on its status page."""

    def __init__(self, outside: Outside, address: str) -> None:
        self._outside = outside
        self._address = address
        self._ticket: Ticket | None = None
        self._seen = 0

    async def write(self, text: str) -> None:
        """Submits the form, or replies on the status page once there is one."""
        if self._ticket is None:
            form = {
                "name": self._address.partition("@")[0].title(),
                "email": self._address,
                "subject": "Question from the terminal",
                "message": text,
                "category": "general",
            }
            self._ticket = await self._outside.submit(form)
            return
        answer = await self._outside.http.post(
            f"{self._ticket.address}/reply",
            json={"message": text},
            headers={"Authorization": f"Bearer {self._ticket.token}"},
        )
        answer.raise_for_status()

    async def read(self) -> Sequence[str]:
        """Returns the page's new lines that are not the customer's own."""
        if self._ticket is None:
            return []
        lines = await self._outside.status_page(self._ticket)
        fresh, self._seen = lines[self._seen :], len(lines)
        return [line.text for line in fresh if line.role != "customer"]


def run_chat(settings: Mapping[str, str], channel: str, person: str) -> int:
    """Talks as `person` on a channel until the input ends and returns the exit code; settings as `fte env`."""
    try:
        return asyncio.run(_run(settings, channel, person))
    except ChatError as error:
        print(f"fte: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 0


async def _run(settings: Mapping[str, str], channel: str, person: str) -> int:
    async with Outside(settings) as outside:
        try:
            correspondent = await correspond(outside, channel, person)
        except httpx.HTTPError as error:
            raise ChatError("the stack does not answer; start it with `fte up`") from error
        if sys.stdin.isatty():
            return await converse(correspondent, sys.stdin)
        return await recite(correspondent, sys.stdin)


async def correspond(outside: Outside, channel: str, person: str) -> Correspondent:
    """Returns a customer on a channel who sees only what is sent from now on."""
    wrong = "+15550100" if channel == "whatsapp" else "ada@example.com"
    if person.startswith("+") is not (channel == "whatsapp") or channel not in CHANNELS:
        raise ChatError(f"{person} is nobody on {channel}: give an address such as {wrong}")
    match channel:
        case "whatsapp":
            return WhatsApp(outside, person, len(await outside.whatsapps_sent()))
        case "email":
            return Email(outside, person, len(await outside.mails_sent()))
        case _:
            return WebForm(outside, person)


async def recite(correspondent: Correspondent, lines: TextIO) -> int:
    """Writes each line and prints what is answered before the next; 1 if one got no answer."""
    code = 0
    async for text in _texts(lines):
        print(f"> {text}", flush=True)
        try:
            await correspondent.write(text)
        except httpx.HTTPStatusError as error:
            raise ChatError(_refusal(error)) from error
        if not await _print_answer(correspondent):
            print(f"fte: no answer within {ANSWER_SECONDS:g} s", file=sys.stderr)
            code = 1
    return code


async def converse(correspondent: Correspondent, lines: TextIO) -> int:
    """Writes what is typed and prints what comes, whenever it comes, until the input ends."""
    print("Write a line and press Enter; Ctrl-D ends.", flush=True)

    async def listen() -> None:
        while True:
            for text in await correspondent.read():
                print(_shown(text), flush=True)
            await asyncio.sleep(_POLL_SECONDS)

    listening = asyncio.create_task(listen())
    try:
        async for text in _texts(lines):
            try:
                await correspondent.write(text)
            except httpx.HTTPStatusError as error:
                print(f"fte: {_refusal(error)}", file=sys.stderr)
            if listening.done():
                raise ChatError("the stack does not answer any more") from listening.exception()
    finally:
        listening.cancel()
        with suppress(asyncio.CancelledError, httpx.HTTPError):
            await listening
    return 0


async def _texts(lines: TextIO) -> AsyncIterator[str]:
    while line := await _typed(lines) if lines.isatty() else lines.readline():
        if text := line.strip():
            yield text


async def _typed(terminal: TextIO) -> str:
    """Waits for a line without a thread, which would keep the process until Enter is pressed."""
    loop, ready = asyncio.get_running_loop(), asyncio.Event()
    loop.add_reader(terminal, ready.set)
    try:
        await ready.wait()
    finally:
        loop.remove_reader(terminal)
    # A terminal gives one line for each read; the file object would hold back what is pasted.
    return os.read(terminal.fileno(), 65536).decode(errors="replace")


async def _print_answer(correspondent: Correspondent) -> bool:
    now = asyncio.get_running_loop().time
    last, deadline, answered = now(), now() + ANSWER_SECONDS, False
    while now() < (last + QUIET_SECONDS if answered else deadline):
        for text in await correspondent.read():
            print(_shown(text), flush=True)
            answered, last = True, now()
        await asyncio.sleep(_POLL_SECONDS)
    return answered


def _shown(text: str) -> str:
    return "\n".join(f"< {line}" for line in text.strip().splitlines())


def _refusal(error: httpx.HTTPStatusError) -> str:
    if "json" not in error.response.headers.get("content-type", ""):
        return f"refused with status {error.response.status_code}"
    problem = error.response.json()
    wrong = [str(entry.get("message", "")) for entry in problem.get("errors", ())]
    return "; ".join([str(problem.get("detail", problem.get("title", "refused"))), *wrong])
