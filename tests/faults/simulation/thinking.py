"""What the world's runners think: seeded answers of every kind, some slow, some that fail, some that kill."""

import asyncio
import random
from collections.abc import Callable

from services.agent.domain.turn import (
    Channel,
    Escalation,
    EscalationReason,
    Turn,
    TurnAnswer,
    Urgency,
)

SLOW_SECONDS = (4.0, 9.0)
_STEPS = "\n".join(
    f"{n}. Open *Settings*, choose entry {n} of the list and confirm what it asks you there, please."
    for n in range(1, 8)
)


class ModelDown(Exception):
    """The model could not be asked."""


class SeededThinker:
    """Port `Think`: what a batch gets follows from its messages and the world's seed, not from who thinks.

    `die` ends the process in the middle of a thought, as an exhausted memory would.
    """

    def __init__(self, seed: str, die: Callable[[], None], harshness: float = 1.0) -> None:
        self._seed = seed
        self._die = die
        self._harshness = harshness

    async def think(self, turn: Turn) -> TurnAnswer:
        """Stages an answer or an escalation; raises `ModelDown` when it cannot."""
        draw = random.Random(f"{self._seed}/{turn.batch[0].message_id}/{turn.begin_count}")
        slow = draw.random() < 0.1 * self._harshness
        await asyncio.sleep(draw.uniform(*SLOW_SECONDS) if slow else draw.random())
        chance = draw.random() / self._harshness if self._harshness else 1.0
        if chance < 0.03:
            self._die()
            await asyncio.sleep(0)
        if chance < 0.10:
            raise ModelDown
        kind = random.Random(f"{self._seed}/{turn.batch[0].message_id}").random()
        if kind > 1 - 0.03 * self._harshness:
            raise ModelDown  # Every time: the batch goes to a person.
        escalation = None
        if kind < 0.2:
            escalation = Escalation(EscalationReason.REFUND_REQUEST, Urgency.NORMAL)
        long = turn.channel is Channel.WHATSAPP and kind > 0.85
        text = f"Answer to {turn.batch[-1].content}."
        return TurnAnswer(
            ticket_subject=turn.batch[0].content[:40],
            ticket_category="technical",
            ticket_priority="medium",
            sentiments=(0.0,) * len(turn.batch),
            response="" if escalation else f"{text}\n\n{_STEPS}" if long else text,
            escalation=escalation,
            model="seeded",
        )
