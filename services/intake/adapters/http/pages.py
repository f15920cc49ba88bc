"""The plain HTML pages: they work without JavaScript and follow the GOV.UK error pattern."""

import base64
import hashlib
from collections.abc import Mapping, Sequence
from html import escape
from uuid import uuid4

from starlette.responses import HTMLResponse, Response

from services.intake.application.forms import (
    CATEGORIES,
    DEFAULT_PRIORITY,
    MESSAGE_LENGTH,
    NAME_LENGTH,
    PRIORITIES,
    REPLY_LENGTH,
    SUBJECT_LENGTH,
    FieldError,
)
from services.intake.application.submissions import Receipt

KEY_FIELD = "idempotency_key"

_STYLE = """
body{font:1.125rem/1.5 system-ui,sans-serif;max-width:42rem;margin:0 auto;padding:1rem;color:#0b0c0c;background:#fff}
label,legend{display:block;font-weight:600;margin:1rem 0 .25rem}
input,select,textarea{font:inherit;width:100%;box-sizing:border-box;padding:.5rem;border:2px solid #0b0c0c}
button{font:inherit;font-weight:600;margin-top:1.5rem;padding:.6rem 1.2rem;border:0;background:#00703c;color:#fff}
:focus-visible{outline:3px solid #ffdd00;outline-offset:0;box-shadow:inset 0 0 0 2px #0b0c0c}
.summary{border:4px solid #c21807;padding:1rem;margin:1rem 0}.summary a,.error{color:#a5140a;font-weight:600}
.hint{color:#484d51}.line{border-left:4px solid #b1b4b6;padding:.25rem 1rem;margin:1rem 0}
.line p{white-space:pre-wrap;overflow-wrap:anywhere;margin:.25rem 0}.reference{font-size:1.5rem;font-weight:700}
"""
_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_HEADERS = {
    "cache-control": "no-store",
    "content-security-policy": (
        f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; form-action 'self'; "
        "base-uri 'none'; frame-ancestors 'none'"
    ),
}


def form_page(
    action: str,
    *,
    values: Mapping[str, object] | None = None,
    errors: Sequence[FieldError] = (),
    status: int = 200,
) -> Response:
    """Makes the support form, with what was filled in and what is wrong with it."""
    given = {name: value for name, value in (values or {}).items() if isinstance(value, str)}
    wrong = {error.field: error.message for error in errors}
    key = given.get(KEY_FIELD) or uuid4().hex
    fields = "".join(
        (
            _input("name", "Your name", given, wrong, NAME_LENGTH[1], "name"),
            _input("email", "Your email address", given, wrong, 320, "email", kind="email"),
            _input("subject", "Subject", given, wrong, SUBJECT_LENGTH[1], "off"),
            _select("category", "What is it about?", {"": "Choose", **CATEGORIES}, given, wrong),
            _select(
                "priority", "Priority", PRIORITIES, {"priority": DEFAULT_PRIORITY, **given}, wrong
            ),
            _textarea("Your message", given, wrong, MESSAGE_LENGTH[1]),
        )
    )
    body = (
        f"<h1>Contact support</h1>{_summary(errors)}"
        f'<form method="post" action="{escape(action)}" novalidate>{fields}'
        f'<input type="hidden" name="{KEY_FIELD}" value="{escape(key)}">'
        "<button>Send</button></form>"
    )
    return _page("Contact support", body, status, wrong=bool(errors))


def confirmation_page(receipt: Receipt, expected_reply: str) -> Response:
    """Makes the page that a submitted form answers."""
    body = (
        "<h1>We have your message</h1>"
        f'<p>Your reference is <span class="reference">{escape(receipt.reference)}</span></p>'
        f"<p>{escape(expected_reply)}</p>"
        f'<p><a href="{escape(receipt.status_url)}">See the answer and reply</a>. '
        "Keep this link: whoever has it can read your request.</p>"
    )
    return _page("We have your message", body, 201)


def status_page(
    *,
    reference: str,
    status_text: str,
    lines: Sequence[tuple[str, str, str]],
    reply_action: str,
    errors: Sequence[FieldError] = (),
    text: str = "",
    status: int = 200,
) -> Response:
    """Makes the status page; a line is who spoke, when (RFC 3339) and what."""
    thread = "".join(
        f'<div class="line"><strong>{escape(who)}</strong> <span class="hint">'
        f'<time datetime="{escape(when)}">{escape(when[:16].replace("T", " "))} UTC</time></span>'
        f"<p>{escape(what)}</p></div>"
        for who, when, what in lines
    )
    wrong = {error.field: error.message for error in errors}
    body = (
        f"<h1>Request {escape(reference)}</h1>{_summary(errors)}"
        f'<p role="status">{escape(status_text)}</p>{thread}'
        f'<form method="post" action="{escape(reply_action)}" novalidate>'
        f"{_textarea('Your reply', {'message': text}, wrong, REPLY_LENGTH[1])}"
        f'<input type="hidden" name="{KEY_FIELD}" value="{uuid4().hex}">'
        "<button>Send reply</button></form>"
    )
    return _page(f"Request {reference}", body, status, wrong=bool(errors))


def message_page(title: str, text: str, status: int) -> Response:
    """Makes a page that only says something."""
    return _page(title, f"<h1>{escape(title)}</h1><p>{escape(text)}</p>", status)


def _page(title: str, body: str, status: int, *, wrong: bool = False) -> Response:
    shown = f"Error: {title}" if wrong else title
    html = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="robots" content="noindex, nofollow"><meta name="referrer" content="no-referrer">'
        f"<title>{escape(shown)}</title><style>{_STYLE}</style></head><body><main>{body}</main></body></html>"
    )
    return HTMLResponse(html, status, _HEADERS)


def _summary(errors: Sequence[FieldError]) -> str:
    if not errors:
        return ""
    items = "".join(
        f'<li><a href="#{escape(error.field)}">{escape(error.message)}</a></li>' for error in errors
    )
    return (
        '<div class="summary" role="alert" aria-labelledby="summary-title" tabindex="-1">'
        f'<h2 id="summary-title">There is a problem</h2><ul>{items}</ul></div>'
    )


def _labelled(name: str, label: str, wrong: Mapping[str, str], control: str) -> str:
    note = (
        f'<p class="error" id="{name}-error">Error: {escape(wrong[name])}</p>'
        if name in wrong
        else ""
    )
    return f'<label for="{name}">{escape(label)}</label>{note}{control}'


def _described(name: str, wrong: Mapping[str, str]) -> str:
    return f' aria-invalid="true" aria-describedby="{name}-error"' if name in wrong else ""


def _input(
    name: str,
    label: str,
    given: Mapping[str, str],
    wrong: Mapping[str, str],
    longest: int,
    autocomplete: str,
    *,
    kind: str = "text",
) -> str:
    control = (
        f'<input id="{name}" name="{name}" type="{kind}" maxlength="{longest}" '
        f'autocomplete="{autocomplete}" value="{escape(given.get(name, ""))}"{_described(name, wrong)}>'
    )
    return _labelled(name, label, wrong, control)


def _select(
    name: str,
    label: str,
    choices: Mapping[str, str],
    given: Mapping[str, str],
    wrong: Mapping[str, str],
) -> str:
    options = "".join(
        f'<option value="{value}"{" selected" if given.get(name, "") == value else ""}>'
        f"{escape(text)}</option>"
        for value, text in choices.items()
    )
    control = f'<select id="{name}" name="{name}"{_described(name, wrong)}>{options}</select>'
    return _labelled(name, label, wrong, control)


def _textarea(label: str, given: Mapping[str, str], wrong: Mapping[str, str], longest: int) -> str:
    # A browser drops the first line break after the tag.
    control = (
        f'<textarea id="message" name="message" rows="8" maxlength="{longest}"'
        f"{_described('message', wrong)}>\n{escape(given.get('message', ''))}</textarea>"
    )
    return _labelled("message", label, wrong, control)
