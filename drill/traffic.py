"""Owns sending a drill's messages in, open-loop: who is late is not waited for, nothing slows the rest.

A request that did not end well is sent again under the same provider id, as Twilio and Gmail do,
until it is acknowledged or the drill gives up; what is unknown then is judged as unknown.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Final
from uuid import NAMESPACE_URL, uuid5

import grpc
import httpx

from cli.outside import Mail, Outside, ticket_of
from drill.history import History, Message
from drill.writings import ON_BOTH, ON_WHATSAPP, Way, Writing
from fte.conversation.v1 import conversation_pb2
from fte.identity.v1 import identity_service_pb2, identity_service_pb2_grpc

_FIRST_PAUSE_SECONDS: Final = 0.3
_LONGEST_PAUSE_SECONDS: Final = 4.0
_AT_ONCE: Final = 16
_IDENTITY_SECONDS: Final = 10.0

Post = Callable[[], Awaitable[httpx.Response]]


class Traffic:
    """Sends one plan of writings into a stack and keeps the history of it."""

    def __init__(self, outside: Outside, simulators: Outside, tag: str) -> None:
        """Takes digits that tell this drill's people from others'; `simulators` may be slow, but answers."""
        self.history = History()
        self._outside = outside
        self._simulators = simulators
        self._tag = tag
        self._threads: dict[int, tuple[Mail, str]] = {}
        self._mailing: dict[int, asyncio.Lock] = {}
        self._give_up = float("inf")

    def number(self, person: int) -> str:
        """Returns a person's WhatsApp number."""
        return f"+1{self._tag}{person:05d}"

    def address(self, person: int) -> str:
        """Returns a person's mail address."""
        return f"drill{self._tag}.{person}@example.com"

    def form_address(self, person: int) -> str:
        """Returns the address that a person types into forms; a claim, so it is kept apart."""
        return f"form{self._tag}.{person}@example.com"

    async def prepare(self, settings: Mapping[str, str]) -> None:
        """Opens the 24-hour windows, and tells identity which people write on two channels.

        Raises:
            grpc.aio.AioRpcError: if identity does not answer.
            httpx.HTTPError: if the Twilio simulator does not answer.
        """
        room = asyncio.Semaphore(_AT_ONCE)

        async def open_one(person: int) -> None:
            async with room:
                await self._simulators.open_window(self.number(person))

        await asyncio.gather(*(open_one(person) for person in ON_WHATSAPP))
        async with grpc.aio.insecure_channel(settings["FTE_IDENTITY_GRPC"]) as channel:
            stub = identity_service_pb2_grpc.IdentityServiceStub(channel)
            for person in ON_BOTH:
                await self._link(stub, settings["FTE_API_KEY"], person)

    async def run(self, writings: tuple[Writing, ...], start: float, give_up: float) -> None:
        """Sends every writing at its time after `start`; insists until `give_up`, both in Unix seconds."""
        self._give_up = give_up
        async with asyncio.TaskGroup() as group:
            for writing in writings:
                await _until(start + writing.at)
                group.create_task(self._write(writing, start + writing.at))

    async def _write(self, writing: Writing, due: float) -> None:
        match writing.way:
            case Way.WEBHOOK:
                await self._webhook(writing, due)
            case Way.SIMULATOR:
                await self._simulated(writing)
            case Way.MAIL:
                await self._mail(writing)
            case Way.FORM:
                await self._form(writing, due)

    async def _webhook(self, writing: Writing, due: float) -> None:
        number = self.number(writing.person)
        form = self._outside.webhook_form(number, writing.text)
        message = Message(form["MessageSid"], "whatsapp", number, writing.wish, form["MessageSid"])
        self.history.add(message)
        await self._repeat(writing, message, due, lambda: self._outside.post_webhook(form))

    async def _simulated(self, writing: Writing) -> None:
        number = self.number(writing.person)
        sid = await self._simulators.write_whatsapp(number, writing.text)
        self._stored(Message(sid, "whatsapp", number, writing.wish, sid))

    async def _mail(self, writing: Writing) -> None:
        address = self.address(writing.person)
        subject = f"Question {writing.number} of {address}"
        headers = dict(writing.headers)
        # A person writes one mail after the other.
        async with self._mailing.setdefault(writing.person, asyncio.Lock()):
            last = self._threads.get(writing.person) if writing.follows else None
            if last:
                before, subject = last
                headers |= {"In-Reply-To": before.message_id, "References": before.message_id}
            mail = await self._simulators.write_mail(address, subject, writing.text, headers)
            if not writing.headers:
                self._threads[writing.person] = (mail, f"Re: {subject.removeprefix('Re: ')}")
        message = Message(mail.gmail_id, "email", address, writing.wish, mail.gmail_id, mail)
        self._stored(message)

    async def _form(self, writing: Writing, due: float) -> None:
        address = self.form_address(writing.person)
        key = f"drill-{self._tag}-{writing.number}"
        form = {
            "name": "Drill Person",
            "email": address,
            "subject": key,
            "message": writing.text.ljust(12, "?"),
            "category": "general",
        }
        message = Message(key, "web_form", address, writing.wish)
        self.history.add(message)
        await self._repeat(writing, message, due, lambda: self._outside.post_form(form, key))

    def _stored(self, message: Message) -> None:
        # The provider has it and goes on until we take it: that is as good as an acknowledgement.
        self.history.add(message)
        self.history.ok(message, self.history.invoke(message), "the provider has it")

    async def _repeat(self, writing: Writing, message: Message, due: float, post: Post) -> None:
        """Sends one message and its repeats, each until it is acknowledged."""
        async with asyncio.TaskGroup() as group:
            for wait in (0.0, *writing.repeats):
                group.create_task(self._insist(message, due + wait, post))

    async def _insist(self, message: Message, due: float, post: Post) -> None:
        await _until(due)
        pause = _FIRST_PAUSE_SECONDS
        while not await self._try(message, post):
            if time.time() > self._give_up:
                return
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE_SECONDS)

    async def _try(self, message: Message, post: Post) -> bool:
        """Makes one request; returns whether it needs no other."""
        request = self.history.invoke(message)
        try:
            answer = await post()
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            # Nothing was written.
            self.history.fail(message, request, type(error).__name__)
            return False
        except httpx.HTTPError as error:
            self.history.unknown(message, request, type(error).__name__)
            return False
        if answer.is_success:
            self._acknowledged(message, answer)
            self.history.ok(message, request, str(answer.status_code))
            return True
        if answer.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR:
            self.history.unknown(message, request, str(answer.status_code))
            return False
        self.history.fail(message, request, str(answer.status_code))
        self.history.contradict(f"{message.key} was refused with {answer.status_code}")
        return True

    def _acknowledged(self, message: Message, answer: httpx.Response) -> None:
        if message.channel != "web_form":
            return
        ticket = ticket_of(answer)
        if message.ticket and message.ticket != ticket:
            self.history.contradict(
                f"{message.key} got the tickets {message.ticket.ticket_id} and {ticket.ticket_id}"
            )
        message.ticket, message.provider_id = ticket, ticket.ticket_id

    async def _link(
        self, stub: "identity_service_pb2_grpc.IdentityServiceAsyncStub", key: str, person: int
    ) -> None:
        """Says on a trusted service's word that address and number are one person's."""
        handle = conversation_pb2.Handle
        address = handle(type=conversation_pb2.HANDLE_TYPE_EMAIL, value=self.address(person))
        number = handle(type=conversation_pb2.HANDLE_TYPE_PHONE, value=self.number(person))
        metadata = (("x-api-key", key),)
        known = identity_service_pb2.ResolveHandle(
            handle=address, assurance=conversation_pb2.ASSURANCE_VERIFIED
        )
        await stub.Resolve(
            identity_service_pb2.ResolveRequest(handles=[known]),
            timeout=_IDENTITY_SECONDS,
            metadata=metadata,
        )
        await stub.Link(
            identity_service_pb2.LinkRequest(
                known=address,
                added=number,
                evidence="drill: one person on two channels",
                request_id=str(uuid5(NAMESPACE_URL, f"{address.value} {number.value}")),
            ),
            timeout=_IDENTITY_SECONDS,
            metadata=metadata,
        )


async def _until(moment: float) -> None:
    await asyncio.sleep(max(0.0, moment - time.time()))
