"""The outside of a world: people who write by three channels, and channels that bring it once, twice or late."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias
from uuid import UUID, uuid5

from chassis.errors import ServiceError
from services.intake.application.tickets import TicketLinks
from tests.faults.simulation.intake_process import OUR_ADDRESS
from tests.faults.simulation.plan import Say, Way

if TYPE_CHECKING:
    from tests.faults.simulation.intake_process import IntakeProcess
    from tests.faults.simulation.world import World

# Brings a message to its channel once.
Bring: TypeAlias = Callable[[], Coroutine[Any, Any, None]]
_PEOPLE = UUID("0d3f9c52-3c1f-5a7e-8a58-6d3c0a1b2c3d")
# A channel that got no 2xx brings the same again, so often and after such a wait.
TRIES = 40
RETRY_SECONDS = 2.0


@dataclass(slots=True)
class Said:
    """One message that was sent in: its identity on its channel, and whether it was acknowledged."""

    key: str
    say: Say
    text: str
    acknowledged: bool = False


def number_of(person: int) -> str:
    """A person's WhatsApp number."""
    return f"+1202555{person:04d}"


def address_of(person: int) -> str:
    """A person's mail address."""
    return f"person{person}@example.com"


def customer_of(person: int) -> UUID:
    """The customer that identity knows a person as."""
    return uuid5(_PEOPLE, str(person))


@dataclass(slots=True)
class Customers:
    """All people of a world, and what they said so far."""

    world: "World"
    said: list[Said] = field(default_factory=list)
    requests: int = 0

    def owner(self, handle: str) -> UUID:
        """Returns the customer behind a number or an address."""
        digits = handle.removeprefix("person").partition("@")[0]
        return customer_of(int(digits[-4:]))

    async def say(self, say: Say, number: int) -> None:
        """Writes one message, and brings it again as often as the plan says."""
        text = f"Question {number} of person {say.person}?"
        deliver = {Way.WHATSAPP: self._whatsapp, Way.MAIL: self._mail, Way.FORM: self._form}
        bring = deliver[say.way](say, number, text)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(bring())
            for seconds in say.repeats:
                tasks.create_task(_later(seconds, bring))

    def _whatsapp(self, say: Say, number: int, text: str) -> Bring:
        said = self._note(Said(f"SM{number:06d}", say, text))
        fields = {
            "MessageSid": said.key,
            "AccountSid": "AC1",
            "From": f"whatsapp:{number_of(say.person)}",
            "Body": text,
            "ProfileName": f"Person {say.person}",
        }
        return lambda: self._insist(said, lambda intake: intake.whatsapp(fields))

    def _form(self, say: Say, number: int, text: str) -> Bring:
        key = f"key-{number}"
        ticket_id = TicketLinks("https://support.example.com", "s").ticket_id(key)
        said = self._note(Said(str(ticket_id), say, text))
        fields: dict[str, object] = {
            "name": f"Person {say.person}",
            "email": address_of(say.person),
            "subject": f"Matter {number}",
            "category": "general",
            "message": text,
        }

        async def submit(intake: "IntakeProcess") -> None:
            await intake.form(fields, key)

        return lambda: self._insist(said, submit)

    def _mail(self, say: Say, number: int, text: str) -> Bring:
        address = address_of(say.person)
        lines = (
            "Authentication-Results: mx.google.com; dmarc=pass (p=NONE) header.from=example.com",
            f"From: Person {say.person} <{address}>",
            f"To: {OUR_ADDRESS}",
            f"Subject: Matter {number}",
            f"Message-ID: <m{number}@example.com>",
            "Content-Type: text/plain; charset=utf-8",
            "",
            text,
        )
        raw = "\r\n".join(lines).encode()
        key = self.world.mailbox.deliver(raw, f"thread{number}")
        # Gmail has it: from here on it must be found, with a notification or without one.
        self._note(Said(key, say, text, acknowledged=True))
        return self._push

    async def _push(self) -> None:
        try:
            intake = self.world.intake()
            await self.world.intake_process.ask(intake.pushed)
        except ServiceError:
            return  # A notification may get lost.

    def _note(self, said: Said) -> Said:
        self.said.append(said)
        return said

    async def _insist(
        self, said: Said, request: Callable[["IntakeProcess"], Awaitable[None]]
    ) -> None:
        for _ in range(TRIES):
            self.requests += 1
            try:
                work = partial(_asked, request, self.world.intake())
                await self.world.intake_process.ask(work)
            except ServiceError:
                await asyncio.sleep(RETRY_SECONDS)
                continue
            said.acknowledged = True
            return


async def _later(seconds: float, work: Bring) -> None:
    await asyncio.sleep(seconds)
    await work()


async def _asked(
    request: Callable[["IntakeProcess"], Awaitable[None]], intake: "IntakeProcess"
) -> None:
    await request(intake)


def seeded(name: str) -> random.Random:
    """A stream of chance of its own, the same for the same name."""
    return random.Random(name)
