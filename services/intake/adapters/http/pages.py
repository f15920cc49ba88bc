"""Composes the pages: which fragments, in which language, with what in their slots."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID, uuid4

from starlette.responses import HTMLResponse, PlainTextResponse, Response

from services.intake.adapters.agent_tickets import Line
from services.intake.adapters.http.built_pages import BuiltPages, Html
from services.intake.adapters.http.wording import Words
from services.intake.adapters.ticket_reading import ShownTicket
from services.intake.application.forms import (
    CATEGORIES,
    DEFAULT_PRIORITY,
    MESSAGE_LENGTH,
    PRIORITIES,
    REPLY_LENGTH,
    TRAP,
    FieldError,
)

KEY_FIELD = "idempotency_key"
PRIVATE = {"cache-control": "no-store", "referrer-policy": "no-referrer"}
_TEXT_FIELDS = ("name", "email", "subject", "message", TRAP)
_CHOICES = {"category": CATEGORIES, "priority": PRIORITIES}
_SECURITY = {
    **PRIVATE,
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "vary": "accept, accept-language, cookie",
}
_UNBUILT = (
    "The API works; the pages are not built.\n"
    "Install Node 20 or newer and run `make web`, then start intake again.\n"
    "Messages are taken in by POST /support/submit.\n"
)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page is: the way from its address to the public root, and the address that shows it again."""

    root: str
    here: str


@dataclass(frozen=True, slots=True)
class Filled:
    """What somebody typed and what is wrong with it."""

    values: Mapping[str, str]
    errors: Sequence[FieldError] = ()


NOTHING = Filled({})


class Pages:
    """Makes the responses that browsers show."""

    def __init__(self, built: BuiltPages) -> None:
        self._built = built

    @property
    def built(self) -> bool:
        """Whether there are pages to show."""
        return self._built.built

    def unbuilt(self) -> Response:
        """Says how to get the pages."""
        return PlainTextResponse(_UNBUILT, 200, PRIVATE)

    def form(self, words: Words, place: Place, filled: Filled = NOTHING) -> Response:
        """Makes the form, with what was typed and what is wrong with it."""
        wrong = {error.field: words.error(error) for error in filled.errors}
        slots: dict[str, str] = {
            "summary": self._summary(words, wrong),
            "key": filled.values.get(KEY_FIELD) or uuid4().hex,
            "state": _state(filled, wrong, MESSAGE_LENGTH[1]),
        }
        for name in _TEXT_FIELDS:
            most = str(MESSAGE_LENGTH[1]) if name == "message" else ""
            slots[f"field.{name}"] = self._field(
                words, name, filled.values.get(name, ""), wrong, most=most
            )
        for name, choices in _CHOICES.items():
            default = DEFAULT_PRIORITY if name == "priority" else ""
            given = filled.values.get(name, default)
            chosen = given if given in choices else "none"
            slots[f"field.{name}"] = self._field(words, name, "", wrong, variant=f".{chosen}")
        return self._page(words, "form", place, slots, words.say("form.title"), wrong)

    def received(
        self, words: Words, place: Place, reference: str, expected: str, status_url: str
    ) -> Response:
        """Makes the confirmation; `status_url` is empty where the reader has not shown that it is theirs."""
        kept = "received.keep" if status_url else "received.unkept"
        slots: dict[str, str] = {
            "reference": reference,
            "expected": expected,
            "keep": self._built.fill(words.language, kept, {"link": status_url}),
        }
        return self._page(words, "received", place, slots, words.say("received.title"))

    def ticket(
        self, words: Words, place: Place, shown: ShownTicket, filled: Filled = NOTHING
    ) -> Response:
        """Makes the status page for who has no script: the thread, and a form for each thing to do."""
        view, language = shown.view, words.language
        wrong = {error.field: words.error(error) for error in filled.errors}
        state = "resolved" if view.status == "resolved" else "open"
        slots: dict[str, str] = {
            "reference": view.reference,
            "summary": self._summary(words, wrong),
            "status": words.status(view.status),
            "subject": view.subject,
            "incomplete": Html("")
            if shown.complete
            else self._built.fill(language, "ticket.incomplete", {}),
            "lines": Html("".join(self._lines(words, view.lines))),
            "actions": self._built.fill(language, f"ticket.{state}", self._slots(place)),
            "field.reply": self._field(
                words, "reply", filled.values.get("message", ""), wrong, most=str(REPLY_LENGTH[1])
            ),
            "key": uuid4().hex,
            "most": str(REPLY_LENGTH[1]),
        }
        title = words.say("ticket.title", reference=view.reference)
        return self._page(words, "ticket", place, slots, title, wrong)

    def open_ticket(self, words: Words, place: Place, filled: Filled = NOTHING) -> Response:
        """Makes the page that asks for the link; the same for every ticket, there or not."""
        wrong = {error.field: words.error(error) for error in filled.errors}
        slots: dict[str, str] = {
            "summary": self._summary(words, wrong),
            "field.code": self._field(words, "code", "", wrong),
            "most": str(REPLY_LENGTH[1]),
        }
        return self._page(words, "open", place, slots, words.say("ticket.open_title"), wrong)

    def message(self, words: Words, place: Place, kind: str, status: int) -> Response:
        """Makes a page that only says what went wrong."""
        title, text = words.problem(kind)
        page = self._page(words, "message", place, {"heading": title, "text": text}, title)
        page.status_code = status
        return page

    def _page(
        self,
        words: Words,
        name: str,
        place: Place,
        slots: Mapping[str, str],
        title: str,
        wrong: Mapping[str, str] | None = None,
    ) -> Response:
        prefix = words.say("error_prefix") if wrong else ""
        given = {**self._slots(place), **slots, "title": prefix + title}
        # The parts of a page have slots of the page's own, its root among them.
        body = self._built.fill(words.language, f"page.{name}", given)
        return HTMLResponse(body, 422 if wrong else 200, _SECURITY)

    def _slots(self, place: Place) -> dict[str, str]:
        return {"root": place.root, "here": place.here}

    def _field(
        self,
        words: Words,
        name: str,
        value: str,
        wrong: Mapping[str, str],
        *,
        variant: str = "",
        most: str = "",
    ) -> Html:
        error = wrong.get(name, "")
        fragment = f"field.{name}.{'wrong' if error else 'plain'}{variant}"
        return self._built.fill(
            words.language, fragment, {"value": value, "error": error, "most": most}
        )

    def _summary(self, words: Words, wrong: Mapping[str, str]) -> Html:
        if not wrong:
            return Html("")
        items = (
            self._built.fill(words.language, "summary.item", {"field": field, "error": error})
            for field, error in wrong.items()
        )
        return self._built.fill(words.language, "summary", {"items": Html("".join(items))})

    def _lines(self, words: Words, lines: Sequence[Line]) -> Sequence[Html]:
        made: list[Html] = []
        person = ""
        for line in lines:
            speaker = words.speaker(line.role, line.speaker)
            note = ""
            if line.role == "human" and speaker != person:
                person, note = speaker, words.say("ticket.joined", speaker=speaker)
            elif line.role == "ai" and person:
                person, note = "", words.say("ticket.left")
            if note:
                made.append(self._built.fill(words.language, "line.note", {"text": note}))
            slots = {
                "speaker": speaker,
                "time": line.time.astimezone(UTC).isoformat(),
                "shown": _shown_time(line.time),
                "text": line.text,
            }
            role = line.role if self._built.has(words.language, f"line.{line.role}") else "system"
            made.append(self._built.fill(words.language, f"line.{role}", slots))
        return made


def _state(filled: Filled, wrong: Mapping[str, str], most: int) -> str:
    values = {name: value for name, value in filled.values.items() if name != KEY_FIELD}
    return json.dumps({"values": values, "errors": wrong, "most": most})


def _shown_time(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")


def ticket_path(ticket_id: UUID) -> str:
    """Returns the status page's path below the public root."""
    return f"support/ticket/{ticket_id}"
