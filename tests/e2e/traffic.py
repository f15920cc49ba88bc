"""Owns the traffic that tests send in: seeded, on three channels, repeated until it is accepted."""

import asyncio
import itertools
import random
import time
from collections.abc import Awaitable, Callable
from http import HTTPStatus

import httpx

from cli.outside import Outside, ticket_of
from drill.evidence import SentIn
from drill.writings import QUESTIONS

_PAUSE_SECONDS = 0.2

# Each test writes as people of its own, so that it can be judged alone on a shared stack.
_people = itertools.count(1)


class Traffic:
    """Writes as fresh people on one stack and remembers what was accepted."""

    def __init__(self, outside: Outside, seed: int) -> None:
        self.random = random.Random(seed)  # noqa: S311 - repeatable, not secret
        self.sent_in = SentIn()
        self.refusals: list[int] = []
        self._outside = outside
        # Gmail joins mails of equal subject, so every mail gets a number.
        self._matters = itertools.count(1)

    def number(self) -> str:
        """Returns a number that nobody has written from yet."""
        return f"+1202555{next(_people):04d}"

    def address(self) -> str:
        """Returns an address that nobody has written from yet."""
        return f"person{next(_people)}@example.com"

    def question(self) -> str:
        """Returns a question of the seeded sequence."""
        return self.random.choice(QUESTIONS)

    async def webhook(self, form: dict[str, str]) -> None:
        """Posts a signed webhook, again and again until it is accepted, as Twilio would."""
        await self._insist(lambda: self._outside.post_webhook(form))
        self.sent_in.whatsapps[form["MessageSid"]] = form["From"].removeprefix("whatsapp:")

    async def whatsapp(self) -> None:
        """Writes one WhatsApp message from a fresh number."""
        number = self.number()
        await self._outside.open_window(number)
        await self.webhook(self._outside.webhook_form(number, self.question()))

    async def mail(self) -> None:
        """Writes one mail from a fresh address."""
        address, text = self.address(), self.question()
        matter = f"Question {next(self._matters)} of {address}"
        mail = await self._outside.write_mail(address, matter, text)
        self.sent_in.mails[mail.gmail_id] = (mail, address)

    async def form(self) -> None:
        """Submits one form from a fresh address, under one key until it is accepted."""
        address, text = self.address(), self.question()
        form = {
            "name": "Test Person",
            "email": address,
            "subject": "A question",
            "message": text,
            "category": "general",
        }
        ticket = ticket_of(await self._insist(lambda: self._outside.post_form(form, key=address)))
        self.sent_in.forms[ticket.ticket_id] = ticket

    async def _insist(
        self, post: Callable[[], Awaitable[httpx.Response]], seconds: float = 60.0
    ) -> httpx.Response:
        deadline = time.monotonic() + seconds
        while True:
            try:
                answer = await post()
            except httpx.TransportError:
                answer = None
            if answer is not None and answer.is_success:
                return answer
            if answer is not None:
                self.refusals.append(answer.status_code)
                assert answer.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR, answer.text
            assert time.monotonic() < deadline, f"not accepted within {seconds:g} s: {answer}"
            await asyncio.sleep(_PAUSE_SECONDS)
