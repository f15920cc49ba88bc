"""Owns the endpoints that every simulator has beside its provider's: health, sent, faults, reset."""

from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from simulators.database import Database
from simulators.input import BadInputError, json_object, whole_number
from simulators.outgoing import Outgoing
from simulators.rules import FaultBook, parse


def control_routes(
    database: Database,
    book: FaultBook,
    outgoing: Outgoing | None,
    forget: Callable[[], None],
) -> list[Route]:
    """Returns the routes `/_health`, `/_sent`, `/_faults`, `/_outgoing` and `/_reset`.

    `forget` empties whatever the simulator holds beside its database.
    """

    async def health(_request: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def sent(request: Request) -> Response:
        entries = database.sent(whole_number(request, "offset", 0))
        return Response("[" + ",\n".join(entries) + "]", media_type="application/json")

    async def show_faults(_request: Request) -> Response:
        return JSONResponse({"rules": book.shown()})

    async def add_faults(request: Request) -> Response:
        rules = (await json_object(request)).get("rules")
        if not isinstance(rules, list):
            raise BadInputError("rules is a list")
        book.add([parse(rule) for rule in rules])
        return JSONResponse({"rules": book.shown()})

    async def clear_faults(_request: Request) -> Response:
        book.clear()
        return JSONResponse({"rules": []})

    async def calls(request: Request) -> Response:
        limit = whole_number(request, "limit", 100)
        return JSONResponse([] if outgoing is None else outgoing.shown(limit))

    async def reset(_request: Request) -> Response:
        book.clear()
        database.wipe()
        forget()
        return JSONResponse({})

    return [
        Route("/_health", health),
        Route("/_sent", sent),
        Route("/_faults", show_faults, methods=["GET"]),
        Route("/_faults", add_faults, methods=["POST"]),
        Route("/_faults", clear_faults, methods=["DELETE"]),
        Route("/_outgoing", calls),
        Route("/_reset", reset, methods=["POST"]),
    ]
