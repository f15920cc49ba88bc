"""The support form's rules: what its fields must be, and what to tell who filled them in."""

import hashlib
import json
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass

from email_validator import EmailNotValidError, validate_email

CATEGORIES = {
    "general": "General question",
    "technical": "Technical problem",
    "billing": "Billing",
    "feedback": "Feedback",
    "bug_report": "Bug report",
}
PRIORITIES = {"low": "Low", "medium": "Medium", "high": "High"}
DEFAULT_PRIORITY = "medium"

NAME_LENGTH = (2, 100)
SUBJECT_LENGTH = (5, 200)
MESSAGE_LENGTH = (10, 5000)
REPLY_LENGTH = (1, 5000)
FIELDS = ("name", "email", "subject", "category", "priority", "message")


@dataclass(frozen=True, slots=True)
class FieldError:
    """One wrong field and what to do about it."""

    field: str
    message: str


class FormInvalidError(Exception):
    """The fields break the rules; `errors` names every wrong one in the order of the form."""

    def __init__(self, errors: tuple[FieldError, ...]) -> None:
        super().__init__(", ".join(error.field for error in errors))
        self.errors = errors


@dataclass(frozen=True, slots=True)
class Form:
    """A submission that keeps the rules; the address is normalised."""

    name: str
    email: str
    subject: str
    category: str
    priority: str
    message: str

    def fingerprint(self) -> bytes:
        """Returns a hash that two submissions share only if every field is the same."""
        fields = [getattr(self, name) for name in FIELDS]
        return hashlib.sha256(json.dumps(fields).encode()).digest()


def read_form(fields: Mapping[str, object]) -> Form:
    """Checks the fields of a submission; unknown ones are ignored.

    Raises:
        FormInvalidError: naming every wrong field.

    """
    given = {name: _text(fields.get(name)) for name in FIELDS}
    errors: list[FieldError] = []
    email = ""
    for name in FIELDS:
        problem: str | None = None
        match name:
            case "name":
                problem = _length(_line(given[name]), NAME_LENGTH, "Enter your name", "Your name")
            case "email":
                email, problem = _email(_line(given[name]))
            case "subject":
                problem = _length(
                    _line(given[name]), SUBJECT_LENGTH, "Enter a subject", "The subject"
                )
            case "category":
                problem = _choice(
                    given[name], CATEGORIES, "Choose what your message is about", required=True
                )
            case "priority":
                problem = _choice(given[name], PRIORITIES, "Choose a priority", required=False)
            case _:
                problem = _length(
                    _lines(given[name]), MESSAGE_LENGTH, "Enter your message", "Your message"
                )
        if problem is not None:
            errors.append(FieldError(name, problem))
    if errors:
        raise FormInvalidError(tuple(errors))
    return Form(
        name=_line(given["name"]),
        email=email,
        subject=_line(given["subject"]),
        category=given["category"].strip(),
        priority=given["priority"].strip() or DEFAULT_PRIORITY,
        message=_lines(given["message"]),
    )


def read_reply(fields: Mapping[str, object]) -> str:
    """Checks the text of a status-page reply and returns it.

    Raises:
        FormInvalidError: if it is missing or too long.

    """
    message = _lines(_text(fields.get("message")))
    problem = _length(message, REPLY_LENGTH, "Enter your reply", "Your reply")
    if problem is not None:
        raise FormInvalidError((FieldError("message", problem),))
    return message


def _text(value: object) -> str:
    # Another JSON type than text counts as not filled in.
    if not isinstance(value, str):
        return ""
    # NUL and half characters cannot be stored as text.
    return value.replace("\0", "").encode("utf-8", "replace").decode()


def _line(text: str) -> str:
    return unicodedata.normalize("NFC", " ".join(text.split()))


def _lines(text: str) -> str:
    unified = text.replace("\r\n", "\n").replace("\r", "\n")
    return unicodedata.normalize("NFC", unified).strip()


def _length(text: str, limits: tuple[int, int], missing: str, what: str) -> str | None:
    least, most = limits
    if not text:
        return missing
    if len(text) < least:
        return f"{what} must be {least} characters or more"
    if len(text) > most:
        return f"{what} must be {most} characters or fewer"
    return None


def _email(text: str) -> tuple[str, str | None]:
    if not text:
        return "", "Enter your email address"
    try:
        checked = validate_email(text, check_deliverability=False)
    except EmailNotValidError:
        return "", "Enter an email address in the correct format, like name@example.com"
    return checked.normalized.lower(), None


def _choice(text: str, choices: Mapping[str, str], missing: str, *, required: bool) -> str | None:
    value = text.strip()
    if value in choices or (not value and not required):
        return None
    return f"{missing}: {', '.join(choices)}"
