"""Request bodies: read within limits of size and time, and decoded to fields."""

import asyncio
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

from starlette.requests import ClientDisconnect, Request

from services.intake.adapters.http.problems import Problem

FORM_BYTES = 256 * 1024
TWILIO_BYTES = 64 * 1024
PUSH_BYTES = 1024 * 1024
_FIELDS = 50
_TWILIO_FIELDS = 500
URLENCODED = "application/x-www-form-urlencoded"


async def read_body(request: Request, limit: int, seconds: float) -> bytes:
    """Returns the body; raises a 413, 408 or 400 problem.

    The limits hold while reading: a body that is too large or too slow is never held in memory.
    """
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > limit:
        raise _too_large(limit)
    body = bytearray()
    try:
        async with asyncio.timeout(seconds):
            async for chunk in request.stream():
                body += chunk
                if len(body) > limit:
                    raise _too_large(limit)
    except TimeoutError:
        raise Problem(
            408,
            "too-slow",
            "The request took too long",
            f"Send the whole body within {seconds:g} seconds.",
            headers={"connection": "close"},
        ) from None
    except ClientDisconnect:
        raise malformed("The connection ended before the body did.") from None
    return bytes(body)


async def read_fields(request: Request, body: bytes) -> Mapping[str, object]:
    """Decodes a form or a JSON object; of a repeated field the first counts."""
    match media_type(request):
        case "application/json":
            return _json_object(body)
        case "application/x-www-form-urlencoded":
            return first_of(urlencoded(body, _FIELDS))
        case "multipart/form-data":
            return await _multipart(request, body)
        case _:
            raise Problem(
                415,
                "unsupported-type",
                "Unsupported content type",
                f"Send application/json, {URLENCODED} or multipart/form-data.",
            )


def read_json(body: bytes) -> dict[str, Any]:
    """Decodes a JSON object."""
    return dict(_json_object(body))


def urlencoded(body: bytes, most: int = _TWILIO_FIELDS) -> list[tuple[str, str]]:
    """Decodes a form to its pairs in order; blanks and repeats stay."""
    try:
        return parse_qsl(
            body.decode("ascii"), keep_blank_values=True, errors="replace", max_num_fields=most
        )
    except ValueError:
        raise malformed("The body is not a URL-encoded form.") from None


def first_of(pairs: list[tuple[str, str]]) -> dict[str, str]:
    """Returns the first value of each name."""
    return dict(reversed(pairs))


def media_type(request: Request) -> str:
    """Returns the body's type without its parameters."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def malformed(detail: str) -> Problem:
    """Returns the answer to a body that cannot be read."""
    return Problem(400, "malformed", "The request cannot be read", detail)


def _json_object(body: bytes) -> Mapping[str, object]:
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        raise malformed("The body is not JSON.") from None
    if not isinstance(value, dict):
        raise malformed("The body must be a JSON object.")
    return value


async def _multipart(request: Request, body: bytes) -> Mapping[str, object]:
    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": body, "more_body": False}

    form = await Request(request.scope, receive).form(
        max_files=0, max_fields=_FIELDS, max_part_size=FORM_BYTES
    )
    return first_of([(name, value) for name, value in form.multi_items() if isinstance(value, str)])


def _too_large(limit: int) -> Problem:
    return Problem(
        413,
        "too-large",
        "The request is too large",
        f"Send at most {limit // 1024} KiB.",
        headers={"connection": "close"},
    )
