"""Owns asking the real stack as a new customer, and what came of it."""

import asyncio
import itertools
import json
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Self

from cli.outside import Outside
from evals.doors import Person, Received
from evals.ledger import Ledger, Row
from evals.play import play
from evals.scenario import Channel, Mood, Move, Scenario

_people = itertools.count(time.time_ns() // 1_000_000 % 10**9)


@dataclass(frozen=True, slots=True)
class Reply:
    """What one message brought: texts as received on its channel, and the ledgers' answers and escalations."""

    received: Sequence[Received]
    answers: Sequence[Row]
    escalations: Sequence[Row]

    @property
    def text(self) -> str:
        """Returns everything that the customer got, in order."""
        return "\n".join(one.body for one in self.received)

    @property
    def tools(self) -> list[str]:
        """Returns the names of the tool calls that are stored with the only answer."""
        [answer] = self.answers
        return [call["name"] for call in json.loads(answer["tool_calls"] or "[]")]


class Desk:
    """Writes one message as somebody new, waits until it is dealt with, and reads what came."""

    def __init__(self, outside: Outside, ledger: Ledger) -> None:
        self._outside = outside
        self._ledger = ledger

    @classmethod
    @asynccontextmanager
    async def of(cls, dsn: str, outside: Outside) -> AsyncIterator[Self]:
        """Opens a desk on a stack."""
        ledger = await Ledger.open(dsn)
        try:
            yield cls(outside, ledger)
        finally:
            await ledger.close()

    async def ask(self, text: str, channel: Channel, subject: str = "A question") -> Reply:
        """Asks once; fails if there is not exactly one answer."""
        number = next(_people)
        person = Person("Ada Example", f"gate{number}@example.com", f"+1{number:010d}")
        subjects = (subject,) if channel is not Channel.WHATSAPP else ()
        move = Move(channel, ((text,),), subjects=subjects)
        scenario = Scenario("gate", "gate", "en", Mood.CALM, (move,))
        talk = await play(self._outside, self._ledger, scenario, person, seed=1, trial=0)
        assert not talk.broken, talk.broken
        [exchange] = talk.exchanges
        assert len(exchange.effects.answers) == 1, exchange.effects.answers
        received = [one for one in exchange.received if one.channel is channel]
        return Reply(received, exchange.effects.answers, exchange.effects.escalations)

    async def ask_all(self, texts: Sequence[str], channels: Sequence[Channel]) -> list[Reply]:
        """Asks every text on every channel, each as somebody else, at the same time."""
        pairs = [(text, channel) for text in texts for channel in channels]
        return list(await asyncio.gather(*(self.ask(*pair) for pair in pairs)))
