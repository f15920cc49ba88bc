"""The support form: its page, what it posts, and the confirmation that a bookmark finds again."""

import re
from collections.abc import Mapping
from pathlib import PurePosixPath
from uuid import UUID

from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from services.intake.adapters.http.bodies import FORM_BYTES, read_body, read_fields
from services.intake.adapters.http.built_pages import BuiltPages
from services.intake.adapters.http.pages import KEY_FIELD, PRIVATE, Filled, Pages, Place
from services.intake.adapters.http.problems import Problem, not_found, respond
from services.intake.adapters.http.ticket_access import TicketAccess
from services.intake.adapters.http.wording import Words, words_for
from services.intake.application.form_limit import FormLimit
from services.intake.application.forms import (
    FIELDS,
    TRAP,
    FormInvalidError,
    read_form,
)
from services.intake.application.submissions import KeyReusedError, Receipt, Submissions
from services.intake.application.tickets import reference

_KEY = re.compile(r"[\x21-\x7e]{1,255}")


class Support:
    """Serves the support form."""

    def __init__(
        self,
        submissions: Submissions,
        access: TicketAccess,
        pages: Pages,
        limit: FormLimit,
        *,
        expected_reply: str,
        body_seconds: float,
    ) -> None:
        self._submissions = submissions
        self._access = access
        self._pages = pages
        self._limit = limit
        self._expected_reply = expected_reply
        self._body_seconds = body_seconds

    def routes(self) -> list[Route]:
        """Returns the routes of the form."""
        return [
            Route("/", self.form),
            Route("/support/submit", self.submit, methods=["POST"]),
            Route("/support/ticket/{ticket_id}/received/{seal}", self.received),
        ]

    async def form(self, request: Request) -> Response:
        """Shows the form."""
        if not self._pages.built:
            return self._pages.unbuilt()
        return self._pages.form(words_for(request), Place("./", "./"))

    async def submit(self, request: Request) -> Response:
        """Takes a form in: 201, 422 naming every wrong field, 409 for a key with another body.

        A browser without script is sent to the confirmation instead, or shown the form with its errors.
        """
        key = header_key(request)
        body = await read_body(request, FORM_BYTES, self._body_seconds)
        fields = await read_fields(request, body)
        words, html = words_for(request, fields), wants_page(request, self._pages)
        try:
            form = read_form(fields)
        except FormInvalidError as error:
            if html:
                return self._pages.form(words, Place("../", "../"), _typed(fields, error))
            raise invalid(words, error) from None
        wait = self._limit.wait(form.email)
        if wait:
            raise _too_many(wait)
        key = key or page_key(fields, form.fingerprint())
        try:
            receipt = await self._submissions.submit(form, body, key)
        except KeyReusedError:
            raise key_reused() from None
        if not html:
            return JSONResponse(self._receipt(receipt, words), 201, PRIVATE)
        address = f"../{self._confirmation(receipt.ticket_id)}{_language(request, fields)}"
        answer = RedirectResponse(address, 303, PRIVATE)
        self._access.remember(answer, receipt.ticket_id)
        return answer

    async def received(self, request: Request) -> Response:
        """Shows the confirmation to whoever has its address; it names the reference and nothing of the message."""
        ticket_id = self._access.sealed(request)
        if ticket_id is None:
            raise not_found()
        if not self._pages.built:
            return self._pages.unbuilt()
        words = words_for(request)
        link = self._access.link(ticket_id) if self._access.remembered(request) else ""
        place = Place("../../../../", f"../../{ticket_id}")
        return self._pages.received(words, place, reference(ticket_id), self._expected(words), link)

    def _receipt(self, receipt: Receipt, words: Words) -> dict[str, str]:
        return {
            "ticket_id": str(receipt.ticket_id),
            "reference": receipt.reference,
            "status_url": receipt.status_url,
            "confirmation_url": self._access.absolute(self._confirmation(receipt.ticket_id)),
            "expected_reply": self._expected(words),
            "message_id": str(receipt.message_id),
        }

    def _confirmation(self, ticket_id: UUID) -> str:
        return f"support/ticket/{ticket_id}/received/{self._access.seal(ticket_id)}"

    def _expected(self, words: Words) -> str:
        return self._expected_reply or words.say("received.expected")


class Assets:
    """Serves the files that the pages load."""

    def __init__(self, built: BuiltPages) -> None:
        self._built = built

    def routes(self) -> list[Route]:
        """Returns the route of the files."""
        return [Route("/support/assets/{name}", self.asset)]

    async def asset(self, request: Request) -> Response:
        """Returns a file; its name changes with its content, so that it is kept for ever."""
        asset = self._built.asset(PurePosixPath(request.path_params["name"]).name)
        if asset is None:
            raise not_found()
        compressed = "gzip" in request.headers.get("accept-encoding", "")
        return Response(
            asset.compressed if compressed else asset.content,
            headers=asset.headers(compressed=compressed),
            media_type=asset.content_type,
        )


class Problems:
    """Answers a problem as a page to a browser, else as a problem document."""

    def __init__(self, pages: Pages) -> None:
        self._pages = pages

    async def __call__(self, request: Request, exc: Exception) -> Response:
        """Answers a `Problem`."""
        if not isinstance(exc, Problem):
            raise exc
        if not wants_page(request, self._pages):
            return respond(request, exc)
        root = "../" * (request.url.path.count("/") - 1) or "./"
        place = Place(root, root)
        page = self._pages.message(words_for(request), place, exc.kind, exc.status)
        page.headers.update(exc.headers)
        return page


def wants_page(request: Request, pages: Pages) -> bool:
    """Tells whether a browser asks, and there are pages to show it."""
    return pages.built and "text/html" in request.headers.get("accept", "")


def header_key(request: Request) -> str:
    """Returns the Idempotency-Key, empty without one; raises a 400 problem for one that is none."""
    key = request.headers.get("idempotency-key")
    if key is None:
        return ""
    if not _KEY.fullmatch(key):
        raise Problem(
            400,
            "malformed",
            "The request cannot be read",
            "Idempotency-Key must be 1 to 255 visible ASCII characters.",
        )
    return key


def page_key(fields: Mapping[str, object], fingerprint: bytes) -> str:
    """Returns the key of a page that was sent twice; going back and changing a field is a new message."""
    key = fields.get(KEY_FIELD)
    return f"page\0{key}\0{fingerprint.hex()}" if isinstance(key, str) and key else ""


def invalid(words: Words, error: FormInvalidError) -> Problem:
    """Returns the 422 that names every wrong field and what to do."""
    return Problem(
        422,
        "invalid-fields",
        "Some fields need your attention",
        "Correct the fields that are named and send the form again.",
        errors=[
            {
                # The reply's field is called as the form's: both are the message.
                "field": "message" if e.field == "reply" else e.field,
                "code": e.fault.value,
                "message": words.error(e),
                **({"choices": ", ".join(e.choices)} if e.choices else {}),
            }
            for e in error.errors
        ],
    )


def key_reused() -> Problem:
    """Returns the 409 of a key that came with another body before."""
    return Problem(
        409,
        "idempotency-mismatch",
        "This key was used before",
        "The Idempotency-Key came with another body before. Use a fresh key for a new message.",
    )


def _too_many(seconds: int) -> Problem:
    return Problem(
        429,
        "too-many",
        "Too many messages",
        f"This address was given many forms within a minute. Send it again in {seconds} seconds.",
        headers={"retry-after": str(seconds)},
    )


def _typed(fields: Mapping[str, object], error: FormInvalidError) -> Filled:
    names = (*FIELDS, TRAP, KEY_FIELD)
    values = {name: fields[name] for name in names if name in fields}
    texts = {name: value for name, value in values.items() if isinstance(value, str)}
    return Filled(texts, error.errors)


def _language(request: Request, fields: Mapping[str, object]) -> str:
    asked = fields.get("language")
    return f"?lang={asked}" if asked and asked == words_for(request, fields).language else ""
