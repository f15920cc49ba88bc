"""Owns the demonstration: one person writes on three channels and is answered once on each.

What she was sent is counted from outside, at the simulators and on the status page, relative to the
state before the run; so it can be played again and again in the same home.
"""

import asyncio
import re
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar
from uuid import uuid4

import grpc
import httpx

from cli.outside import Line, Mail, Outside, Sent, Ticket
from cli.transcript import Transcript
from fte.conversation.v1 import conversation_pb2
from fte.identity.v1 import identity_service_pb2, identity_service_pb2_grpc

ItemT = TypeVar("ItemT")

NAME: Final = "Ada Example"
ADDRESS: Final = "ada@example.com"
NUMBER: Final = "+15550100"
TOTAL_SECONDS: Final = 60.0

MAIL_QUESTION: Final = "How do I reset my password?"
WHATSAPP_QUESTION: Final = "and how do I export my data?"
FORM_QUESTION: Final = "What would the Pro plan cost us?"

_POLL_SECONDS: Final = 0.1
# A doubled answer comes late: after the last change we look on for this long.
_QUIET_SECONDS: Final = 1.5
_PART_CHARACTERS: Final = 300
_MOST_PARTS: Final = 4
# So many words in a row that an answer and the documents have in common are no accident.
_QUOTED_WORDS: Final = 6
_CURRENCY: Final = r"(?:[$€£¥₹]|\b(?:usd|eur|gbp|dollars?|euros?|pounds?)\b)"
PRICE: Final = re.compile(rf"{_CURRENCY}\s*\d|\d[\d.,]*\s*{_CURRENCY}", re.IGNORECASE)
_PERSON: Final = re.compile(r"\b(?:specialist|team|person|colleague|human)\b", re.IGNORECASE)
_FROM_MAIL: Final = re.compile(r"\be-?mail\b", re.IGNORECASE)
# The last part of every WhatsApp answer ends with the hint to write this word.
_HINT: Final = re.compile(r"\bhuman\b\W*(?:\w+\W+){0,6}\w*\W*\Z", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Found:
    """Holds what one message brought about: how many answers, and what is wrong with them."""

    answers: int
    problems: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Said:
    """Holds what the customer wrote in this run, and how much the simulators had sent before it."""

    mail: Mail
    ticket: Ticket
    mails_before: int
    whatsapps_before: int


@dataclass(frozen=True, slots=True)
class Received:
    """Holds what the customer received in this run: mails, WhatsApp parts, lines of the page."""

    mails: Sequence[Sent]
    parts: Sequence[Sent]
    lines: Sequence[Line]


async def play(settings: Mapping[str, str], *, total_seconds: float = TOTAL_SECONDS) -> int:
    """Plays the three channels on a running stack and prints the transcript; returns the exit code.

    `settings` are those that `fte env` prints. 0 only if every message was answered exactly once and
    as its channel wants it; else 1, with what is wrong on the last lines. Takes at most
    `total_seconds`.
    """
    async with Outside(settings) as outside:
        try:
            async with asyncio.timeout(total_seconds):
                return await _play(settings, outside)
        except TimeoutError:
            print(f"not finished within {total_seconds:g} s")
        except httpx.HTTPError as error:
            print(f"{type(error).__name__}: {error}")
        except grpc.aio.AioRpcError as error:
            print(f"identity.Link: {error.code().name} {error.details()}")
    return 1


async def _play(settings: Mapping[str, str], outside: Outside) -> int:
    transcript = Transcript()
    mails_before = len(await outside.mails_sent())
    whatsapps_before = len(await outside.whatsapps_sent())
    # Each run is a matter of its own: Gmail would join equal subjects into one thread.
    matter = f"Cannot sign in ({secrets.token_hex(2)})"

    transcript.customer(NAME, "e-mail", f"{MAIL_QUESTION}\n(subject: {matter})")
    mail = await outside.write_mail(f"{NAME} <{ADDRESS}>", matter, MAIL_QUESTION)

    async def mail_answers() -> list[Sent]:
        return mails_in_thread(await outside.mails_sent(mails_before), mail)

    for answer in await _until(mail_answers, "an answer to the mail"):
        transcript.answer("AI", "e-mail", answer.body, answer.time)

    await _link(settings)
    transcript.note(f"{ADDRESS} and {NUMBER} are linked: one person")
    transcript.customer(NAME, "WhatsApp", WHATSAPP_QUESTION)
    await outside.write_whatsapp(NUMBER, WHATSAPP_QUESTION, NAME)

    async def whatsapp_parts() -> list[Sent]:
        parts = parts_to(await outside.whatsapps_sent(whatsapps_before), NUMBER)
        return parts if whatsapp_answers(parts) else []

    for part in await _until(whatsapp_parts, "an answer on WhatsApp"):
        transcript.answer("AI", "WhatsApp", part.body, part.time)

    transcript.customer(NAME, "web form", FORM_QUESTION)
    ticket = await outside.submit(
        {
            "name": NAME,
            "email": ADDRESS,
            "subject": "Pro plan",
            "message": FORM_QUESTION,
            "category": "billing",
            "priority": "medium",
        }
    )

    async def form_lines() -> list[Line]:
        return ours(await outside.status_page(ticket))

    for line in await _until(form_lines, "an answer on the status page"):
        transcript.answer(line.role, "status page", line.text, line.time)
    transcript.note(f"ticket {ticket.reference}: {ticket.status_url}")

    said = Said(mail, ticket, mails_before, whatsapps_before)
    received = await _settled(outside, said)
    documents = Path(settings["FTE_CONTEXT_DIR"]) / "product-docs.md"
    return _verdict(received, said, documents.read_text(encoding="utf-8"))


async def _until(look: Callable[[], Awaitable[list[ItemT]]], what: str) -> list[ItemT]:
    """Looks until there is something; the caller's timeout bounds it."""
    began = time.monotonic()
    try:
        while True:
            if found := await look():
                return found
            await asyncio.sleep(_POLL_SECONDS)
    except asyncio.CancelledError:
        print(f"{what} did not come within {time.monotonic() - began:.1f} s")
        raise


async def _link(settings: Mapping[str, str]) -> None:
    """Says on a trusted service's word that address and number are one person's; repeats are harmless."""
    handle = conversation_pb2.Handle
    request = identity_service_pb2.LinkRequest(
        known=handle(type=conversation_pb2.HANDLE_TYPE_EMAIL, value=ADDRESS),
        added=handle(type=conversation_pb2.HANDLE_TYPE_PHONE, value=NUMBER),
        evidence="demonstration: she told us both herself",
        request_id=str(uuid4()),
    )
    async with grpc.aio.insecure_channel(settings["FTE_IDENTITY_GRPC"]) as channel:
        stub = identity_service_pb2_grpc.IdentityServiceStub(channel)
        await stub.Link(request, timeout=5, metadata=(("x-api-key", settings["FTE_API_KEY"]),))


async def _settled(outside: Outside, said: Said) -> Received:
    """Returns what was received in this run, once it has not changed for a moment."""
    received, since = await _received(outside, said), time.monotonic()
    while time.monotonic() - since < _QUIET_SECONDS:
        await asyncio.sleep(_POLL_SECONDS)
        now = await _received(outside, said)
        if now != received:
            received, since = now, time.monotonic()
    return received


async def _received(outside: Outside, said: Said) -> Received:
    mails = await outside.mails_sent(said.mails_before)
    return Received(
        mails=[mail for mail in mails if ADDRESS in mail.to],
        parts=parts_to(await outside.whatsapps_sent(said.whatsapps_before), NUMBER),
        lines=ours(await outside.status_page(said.ticket)),
    )


def _verdict(received: Received, said: Said, documents: str) -> int:
    found = {
        "mail": check_mail(received.mails, said.mail, documents),
        "WhatsApp": check_whatsapp(received.parts, documents),
        "web form": check_form(received.lines),
    }
    wrong = [f"{name}: {problem}" for name, one in found.items() for problem in one.problems]
    wrong += [
        f"{name}: answered {one.answers} times" for name, one in found.items() if one.answers != 1
    ]
    if wrong:
        print("\n".join(wrong))
        return 1
    print(f"{len(found)} of {len(found)} answered exactly once")
    return 0


def mails_in_thread(mails: Sequence[Sent], written: Mail) -> list[Sent]:
    """Returns the mails that were sent in the thread of the one that the customer wrote."""
    return [mail for mail in mails if mail.thread_id == written.thread_id]


def parts_to(parts: Sequence[Sent], number: str) -> list[Sent]:
    """Returns the WhatsApp parts that went to one number."""
    return [part for part in parts if part.to == number]


def ours(lines: Sequence[Line]) -> list[Line]:
    """Returns the lines of a status page that the customer did not write."""
    return [line for line in lines if line.role != "customer"]


def whatsapp_answers(parts: Sequence[Sent]) -> int:
    """Counts answers among WhatsApp parts: the last part of each ends with the hint."""
    return sum(_HINT.search(part.body) is not None for part in parts)


def check_mail(mails: Sequence[Sent], written: Mail, documents: str) -> Found:
    """Checks the mails to the customer: one in her thread, from the documents; a notice may stand apart."""
    answers = mails_in_thread(mails, written)
    problems = [
        "the answer does not refer to her mail"
        for mail in answers
        if mail.in_reply_to != written.message_id
    ]
    problems += [
        "the answer is not a reply by subject"
        for mail in answers
        if not mail.subject.lower().startswith("re:")
    ]
    problems += [
        "the answer is not from the documents"
        for mail in answers
        if not quotes(mail.body, documents)
    ]
    apart = [mail for mail in mails if mail not in answers]
    if len(apart) > 1 or any(mail.subject.lower().startswith("re:") for mail in apart):
        subjects = ", ".join(repr(mail.subject) for mail in apart)
        problems.append(f"mails outside the thread: {subjects}")
    return Found(len(answers), problems)


def check_whatsapp(parts: Sequence[Sent], documents: str) -> Found:
    """Checks the WhatsApp parts: short, one answer from the documents that continues from the mail."""
    whole = "\n".join(part.body for part in parts)
    problems = [
        f"a part has {len(part.body)} characters"
        for part in parts
        if len(part.body) > _PART_CHARACTERS
    ]
    if len(parts) > _MOST_PARTS:
        problems.append(f"the answer has {len(parts)} parts")
    if len({part.body for part in parts}) < len(parts):
        problems.append("a part came twice")
    if parts and not _FROM_MAIL.search(parts[0].body):
        problems.append("the answer does not continue from the mail")
    if parts and not quotes(whole, documents):
        problems.append("the answer is not from the documents")
    return Found(whatsapp_answers(parts), problems)


def check_form(lines: Sequence[Line]) -> Found:
    """Checks our lines on the status page: one notice that a person will answer, and no price."""
    problems = [f"a price is stated: {line.text!r}" for line in lines if PRICE.search(line.text)]
    problems += [
        f"not an escalation's notice: {line.text!r}"
        for line in lines
        if line.role != "system" or not _PERSON.search(line.text)
    ]
    return Found(len(lines), problems)


def quotes(answer: str, documents: str) -> bool:
    """Tells whether an answer has a run of words in common with the documents."""
    known, words = _words(documents), _words(answer).split()
    runs = range(len(words) - _QUOTED_WORDS + 1)
    return any(f" {' '.join(words[at : at + _QUOTED_WORDS])} " in known for at in runs)


def _words(text: str) -> str:
    return f" {' '.join(re.findall(r'[a-z0-9]+', text.lower()))} "
