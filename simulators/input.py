"""Owns the reading of control requests: JSON bodies, numbers in queries, and their refusal."""

import json
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response


class BadInputError(Exception):
    """Raised when a request has the wrong form; the text says what is wrong, the answer is 400."""


async def bad_input(_request: Request, exc: Exception) -> Response:
    """Answers a control request of the wrong form."""
    return JSONResponse({"error": str(exc)}, 400)


async def json_value(request: Request) -> Any:
    """Returns the request's JSON body; an empty body is an empty object.

    Raises:
        BadInputError: if it is not JSON.
    """
    try:
        value = json.loads(await request.body() or b"{}")
        # Half of a surrogate pair passes as JSON but is no text.
        json.dumps(value, ensure_ascii=False).encode()
    except ValueError as exc:
        raise BadInputError("the body is not JSON") from exc
    return value


async def json_object(request: Request) -> dict[str, Any]:
    """Returns the request's JSON body, which is an object.

    Raises:
        BadInputError: if it is something else.
    """
    value = await json_value(request)
    if not isinstance(value, dict):
        raise BadInputError("the body is not a JSON object")
    return value


def whole_number(request: Request, name: str, default: int, highest: int = 1_000_000_000) -> int:
    """Returns a query parameter that is a whole number from 0, cut at the highest.

    Raises:
        BadInputError: if it is something else.
    """
    text = request.query_params.get(name, "")
    if not text:
        return default
    if not (text.isascii() and text.isdecimal()):
        raise BadInputError(f"{name} is not a whole number")
    return min(int(text), highest)
