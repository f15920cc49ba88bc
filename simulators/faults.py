"""Owns what a fault does to a request: refuse it, cut or hold the connection, drip the answer."""

import asyncio
import json
from collections.abc import Callable
from typing import Any, Final

from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from simulators.rules import ORIGIN, Action, FaultBook, Origin, Rule
from simulators.server import cut

_DRIPS: Final = 20

type_error_body = Callable[[int], dict[str, Any]]


class BodyTooLargeError(Exception):
    """Raised while reading a request body beyond the limit."""


class FaultMiddleware:
    """Applies the fault rules and the limit of request bodies before the application.

    Paths that begin with `/_` are the simulator's own and never refused; `late_visibility` and
    the callback rules do reach them, because `/_receive` has effects and callbacks too.
    """

    def __init__(
        self, app: ASGIApp, book: FaultBook, error_body: type_error_body, body_limit: int
    ) -> None:
        self._app = app
        self._book = book
        self._error_body = error_body
        self._limit = body_limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handles one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        method, path = scope["method"], scope["path"]
        ORIGIN.set(Origin(method, path, self._book.late_seconds(method, path)))
        rule = None if path.startswith("/_") else self._book.answer_to(method, path)
        started = False

        async def watched(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            if rule is None:
                await self._app(scope, self._bounded(receive), watched)
            else:
                await self._play(rule, scope, self._bounded(receive), watched)
        except BodyTooLargeError:
            if started:
                raise
            await self._refuse(413, scope, receive, send)

    def _bounded(self, receive: Receive) -> Receive:
        taken = 0

        async def bounded() -> Message:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > self._limit:
                raise BodyTooLargeError
            return message

        return bounded

    async def _refuse(self, status: int, scope: Scope, receive: Receive, send: Send) -> None:
        answer = Response(
            json.dumps(self._error_body(status)),
            status,
            {"connection": "close"},
            media_type="application/json",
        )
        await answer(scope, receive, send)

    async def _play(self, rule: Rule, scope: Scope, receive: Receive, send: Send) -> None:
        request = await _whole(receive)
        answer: list[Message] = []
        if rule.effect == "before":
            answer = await self._effect(scope, request)
        match rule.action:
            case Action.STATUS:
                await self._status(rule)(scope, receive, send)
            case Action.SLOW:
                await _drip(answer or await self._effect(scope, request), rule.seconds, send)
            case Action.HANG:
                await _hold(receive, rule.seconds)
                await cut(scope, receive)
            case _:
                await cut(scope, receive)

    async def _effect(self, scope: Scope, request: list[Message]) -> list[Message]:
        answer: list[Message] = []
        waiting = iter(request)

        async def replay() -> Message:
            return next(waiting, {"type": "http.disconnect"})

        async def capture(message: Message) -> None:
            answer.append(message)

        await self._app(scope, replay, capture)
        return answer

    def _status(self, rule: Rule) -> Response:
        body = self._error_body(rule.status) if rule.body is None else rule.body
        text = body if isinstance(body, str) else json.dumps(body)
        kind = "text/plain" if isinstance(body, str) else "application/json"
        return Response(text, rule.status, {"content-type": kind, **(rule.headers or {})})


async def _whole(receive: Receive) -> list[Message]:
    messages = [await receive()]
    while messages[-1].get("more_body"):
        messages.append(await receive())
    return messages


async def _hold(receive: Receive, seconds: float) -> None:
    async def gone() -> None:
        while (await receive())["type"] != "http.disconnect":
            pass

    try:
        await asyncio.wait_for(gone(), seconds)
    except TimeoutError:
        return


async def _drip(answer: list[Message], seconds: float, send: Send) -> None:
    start, parts = answer[0], answer[1:]
    body = b"".join(part.get("body", b"") for part in parts)
    step = max(1, len(body) // _DRIPS)
    pieces = [body[at : at + step] for at in range(0, len(body), step)] or [b""]
    await send(start)
    for piece in pieces:
        await asyncio.sleep(seconds / len(pieces))
        await send({"type": "http.response.body", "body": piece, "more_body": True})
    await send({"type": "http.response.body", "body": b"", "more_body": False})
