"""Owns the model simulator's HTTP surface."""

import asyncio
import contextlib
import json
import secrets
import time
from collections.abc import AsyncIterator, Mapping
from typing import Any, Final

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from simulators.control import control_routes
from simulators.database import Database, rfc3339
from simulators.faults import FaultMiddleware
from simulators.input import BadInputError, json_object, json_value, whole_number
from simulators.openai.completions import PromptCache, chunks, completion, embeddings
from simulators.openai.conversation import Conversation
from simulators.openai.scripts import Script
from simulators.openai.settings import Settings
from simulators.rules import FaultBook

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS requests (seq INTEGER PRIMARY KEY AUTOINCREMENT, entry TEXT NOT NULL);
"""
_BODY_LIMIT: Final = 8 * 1024 * 1024
_REQUESTS_KEPT: Final = 10_000
_DIMENSIONS: Final = 1536
_TYPES: Final = {
    400: "invalid_request_error",
    401: "invalid_request_error",
    404: "invalid_request_error",
    413: "invalid_request_error",
    429: "rate_limit_exceeded",
}


class Api:
    """Answers the model's clients and the scripts' authors."""

    def __init__(self, settings: Settings, database: Database, script: Script) -> None:
        self._settings = settings
        self._database = database
        self._script = script
        self._cache = PromptCache()

    async def chat(self, request: Request) -> Response:
        """Answers `POST /v1/chat/completions`."""
        self._authorise(request)
        asked = await json_object(request)
        talk = Conversation.read(asked)
        self._record(request, asked)
        reply = self._script.reply(talk)
        await asyncio.sleep(float(reply.get("delay_seconds") or 0))
        if reply.get("status"):
            body = reply.get("body") or body_for(reply["status"])
            return JSONResponse(body, reply["status"], reply.get("headers"))
        model = str(asked.get("model") or self._settings.model)
        whole = completion(model, reply, self._cache.usage(asked, reply))
        if not asked.get("stream"):
            return JSONResponse(whole)
        options = asked.get("stream_options") or {}
        events = chunks(whole, with_usage=bool(options.get("include_usage")))
        return StreamingResponse(events, media_type="text/event-stream")

    async def embed(self, request: Request) -> Response:
        """Answers `POST /v1/embeddings`."""
        self._authorise(request)
        asked = await json_object(request)
        given = asked.get("input")
        texts = [given] if isinstance(given, str) else given
        if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
            raise BadInputError("input is a text or a list of texts")
        dimensions = asked.get("dimensions") or _DIMENSIONS
        if not isinstance(dimensions, int) or not 1 <= dimensions <= 2 * _DIMENSIONS:
            raise BadInputError("dimensions is a whole number from 1 to 3072")
        self._record(request, asked)
        model = str(asked.get("model") or "text-embedding-3-small")
        as_base64 = asked.get("encoding_format") == "base64"
        return JSONResponse(embeddings(model, texts, dimensions, as_base64=as_base64))

    async def models(self, request: Request) -> Response:
        """Answers `GET /v1/models`."""
        self._authorise(request)
        names = (self._settings.model, "text-embedding-3-small")
        shown = [
            {"id": name, "object": "model", "created": 0, "owned_by": "local"} for name in names
        ]
        return JSONResponse({"object": "list", "data": shown})

    async def add_script(self, request: Request) -> Response:
        """Appends scripted replies; the body is a JSON list."""
        self._script.add(await json_value(request))
        return JSONResponse(self._script.shown())

    async def show_script(self, _request: Request) -> Response:
        """Shows the scripted replies and how often each was given."""
        return JSONResponse(self._script.shown())

    async def clear_script(self, _request: Request) -> Response:
        """Forgets the scripted replies."""
        self._script.clear()
        return JSONResponse([])

    async def requests(self, request: Request) -> Response:
        """Shows the requests in order, each with `time`, `path` and `body`."""
        rows = self._database.rows(
            "SELECT entry FROM requests ORDER BY seq LIMIT -1 OFFSET ?",
            whole_number(request, "offset", 0),
        )
        text = "[" + ",\n".join(row["entry"] for row in rows) + "]"
        return Response(text, media_type="application/json")

    def forget(self) -> None:
        """Forgets scripts and prompts."""
        self._script.clear()
        self._cache = PromptCache()

    def _authorise(self, request: Request) -> None:
        wanted = f"Bearer {self._settings.api_key}"
        given = request.headers.get("authorization", "")
        if self._settings.api_key and not secrets.compare_digest(given.encode(), wanted.encode()):
            raise HTTPException(401, "Incorrect API key provided")

    def _record(self, request: Request, body: Mapping[str, Any]) -> None:
        entry = {"time": rfc3339(time.time()), "path": request.url.path, "body": body}
        made = self._database.run("INSERT INTO requests (entry) VALUES (?)", json.dumps(entry))
        oldest = (made.lastrowid or 0) - _REQUESTS_KEPT
        self._database.run("DELETE FROM requests WHERE seq <= ?", oldest)


def build(settings: Settings) -> Starlette:
    """Wires the simulator over its state file."""
    database = Database(settings.home / "openai.sqlite3", _SCHEMA)
    book = FaultBook(database)
    api = Api(settings, database, Script(database))

    @contextlib.asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        yield
        database.close()

    return Starlette(
        routes=[
            Route("/v1/chat/completions", api.chat, methods=["POST"]),
            Route("/v1/embeddings", api.embed, methods=["POST"]),
            Route("/v1/models", api.models),
            Route("/_script", api.add_script, methods=["POST"]),
            Route("/_script", api.show_script, methods=["GET"]),
            Route("/_script", api.clear_script, methods=["DELETE"]),
            Route("/_requests", api.requests),
            *control_routes(database, book, None, api.forget),
        ],
        middleware=[
            Middleware(FaultMiddleware, book=book, error_body=body_for, body_limit=_BODY_LIMIT)
        ],
        exception_handlers={BadInputError: _bad_input, HTTPException: _http_error},
        lifespan=lifespan,
    )


def body_for(status: int, message: str | None = None) -> dict[str, Any]:
    """Returns the error document of OpenAI's API for an HTTP status."""
    kind = _TYPES.get(status, "server_error")
    text = message or f"The server answered {status}"
    return {"error": {"message": text, "type": kind, "param": None, "code": None}}


async def _bad_input(_request: Request, exc: Exception) -> Response:
    return JSONResponse(body_for(400, str(exc)), 400)


async def _http_error(_request: Request, exc: Exception) -> Response:
    if not isinstance(exc, HTTPException):
        raise exc
    return JSONResponse(body_for(exc.status_code, exc.detail), exc.status_code)
