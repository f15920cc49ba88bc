"""Owns the benchmark's load: who writes what, when; drawn from a seed and sent open-loop."""

import asyncio
import random
import time
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

import httpx

from cli.outside import Outside, ticket_of

# Arrivals by kind. A burst is three messages, so messages come to 50 % WhatsApp, 30 % mail, 20 %
# form, and 30 % of the WhatsApp messages come in bursts.
_WEIGHTS: Final = (0.35, 0.05, 0.30, 0.20)
_BURST: Final = 3
_BURST_GAP_SECONDS: Final = 0.3
_MESSAGES_PER_ARRIVAL: Final = (0.35 + 0.05 * _BURST + 0.30 + 0.20) / sum(_WEIGHTS)
_QUESTIONS: Final = (
    "How do I reset my password?",
    "How do I export my data?",
    "How do I create an API key?",
    "How do I connect Slack?",
    "Which browsers are supported?",
)
_AT_ONCE: Final = 32


class Kind(StrEnum):
    """The kinds of arrivals."""

    WHATSAPP = "whatsapp"
    BURST = "burst"
    MAIL = "email"
    FORM = "web_form"


@dataclass(frozen=True, slots=True)
class Arrival:
    """One person who writes: when (seconds from the start), how, and what."""

    at: float
    kind: Kind
    person: int
    texts: tuple[str, ...]


@dataclass(slots=True)
class Sending:
    """Holds what was sent: intended times by provider id, acknowledgement latencies, refusals."""

    intended: dict[str, float] = field(default_factory=dict)  # Unix seconds
    numbers: set[str] = field(default_factory=set)
    addresses: set[str] = field(default_factory=set)
    threads: set[str] = field(default_factory=set)
    acknowledged: list[float] = field(default_factory=list)  # seconds from the intended time
    refused: list[str] = field(default_factory=list)


def plan(seconds: float, per_second: float, seed: int) -> list[Arrival]:
    """Draws the arrivals of a Poisson process of `per_second` messages; same seed, same plan."""
    draw = random.Random(seed)  # noqa: S311 - repeatable, not secret
    arrivals: list[Arrival] = []
    at = 0.0
    while True:
        at += draw.expovariate(per_second / _MESSAGES_PER_ARRIVAL)
        if at >= seconds:
            return arrivals
        [kind] = draw.choices(tuple(Kind), weights=_WEIGHTS)
        texts = tuple(draw.sample(_QUESTIONS, _BURST if kind is Kind.BURST else 1))
        arrivals.append(Arrival(at, kind, len(arrivals), texts))


class Load:
    """Sends one plan; whoever is late is not waited for."""

    def __init__(self, outside: Outside, tag: str) -> None:
        """Takes a tag of digits that tells the people of this run from those of others."""
        self._outside = outside
        self._tag = tag
        self.sending = Sending()

    async def prepare(self, arrivals: list[Arrival]) -> None:
        """Opens the 24-hour windows of all numbers, which webhooks past the simulator do not."""
        room = asyncio.Semaphore(_AT_ONCE)

        async def open_one(number: str) -> None:
            async with room:
                await self._outside.open_window(number)

        numbers = [self._number(one) for one in arrivals if one.kind in (Kind.WHATSAPP, Kind.BURST)]
        self.sending.numbers.update(numbers)
        await asyncio.gather(*(open_one(number) for number in numbers))

    async def run(self, arrivals: list[Arrival]) -> float:
        """Sends every arrival at its time; returns the Unix time of the start."""
        start = time.time()
        async with asyncio.TaskGroup() as group:
            for arrival in arrivals:
                await asyncio.sleep(max(0.0, start + arrival.at - time.time()))
                for nth, text in enumerate(arrival.texts):
                    due = start + arrival.at + nth * _BURST_GAP_SECONDS
                    group.create_task(self._write(arrival, text, due))
        return start

    async def _write(self, arrival: Arrival, text: str, due: float) -> None:
        await asyncio.sleep(max(0.0, due - time.time()))
        try:
            match arrival.kind:
                case Kind.MAIL:
                    await self._mail(arrival, text, due)
                case Kind.FORM:
                    await self._form(arrival, text, due)
                case _:
                    await self._whatsapp(arrival, text, due)
        except httpx.HTTPError as error:
            self.sending.refused.append(f"{arrival.kind}: {type(error).__name__} {error}")

    async def _whatsapp(self, arrival: Arrival, text: str, due: float) -> None:
        form = self._outside.webhook_form(self._number(arrival), text)
        (await self._outside.post_webhook(form)).raise_for_status()
        self._accepted(form["MessageSid"], due, acknowledged=True)

    async def _mail(self, arrival: Arrival, text: str, due: float) -> None:
        address = self._address(arrival)
        mail = await self._outside.write_mail(address, f"Question {address}", text)
        self.sending.addresses.add(address)
        self.sending.threads.add(mail.thread_id)
        # Gmail has it; intake learns of it by a push. So there is nothing that was acknowledged.
        self._accepted(mail.gmail_id, due, acknowledged=False)

    async def _form(self, arrival: Arrival, text: str, due: float) -> None:
        form = {
            "name": "Bench Person",
            "email": self._address(arrival),
            "subject": "A question",
            "message": text,
            "category": "technical",
        }
        answer = await self._outside.post_form(form)
        answer.raise_for_status()
        self._accepted(ticket_of(answer).ticket_id, due, acknowledged=True)

    def _accepted(self, provider_id: str, due: float, *, acknowledged: bool) -> None:
        self.sending.intended[provider_id] = due
        if acknowledged:
            self.sending.acknowledged.append(time.time() - due)

    def _number(self, arrival: Arrival) -> str:
        return f"+1{self._tag}{arrival.person:05d}"

    def _address(self, arrival: Arrival) -> str:
        return f"bench{self._tag}.{arrival.person}@example.com"
