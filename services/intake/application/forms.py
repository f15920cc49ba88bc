"""The support form's rules: what its fields must be, and what is wrong with those that break them."""

import hashlib
import json
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from email_validator import EmailNotValidError, validate_email

CATEGORIES = ("general", "technical", "billing", "feedback", "bug_report")
PRIORITIES = ("low", "medium", "high")
DEFAULT_PRIORITY = "medium"

# Fewest and most characters.
NAME_LENGTH = (2, 100)
SUBJECT_LENGTH = (5, 200)
MESSAGE_LENGTH = (10, 5000)
REPLY_LENGTH = (1, 5000)
FIELDS = ("name", "email", "subject", "category", "priority", "message")
# People do not see this field; programs that fill in whatever they find give themselves away.
TRAP = "website"


class Fault(StrEnum):
    """What is wrong with a field; in which words that is said depends on the reader's language."""

    MISSING = "missing"
    SHORT = "short"
    LONG = "long"
    FORMAT = "format"
    CHOICE = "choice"
    FILLED = "filled"
    WRONG = "wrong"


@dataclass(frozen=True, slots=True)
class FieldError:
    """One wrong field; `least` and `most` are the lengths that it may have, 0 where length is no matter.

    `choices` are the values that it may take, empty where any may be.
    """

    field: str
    fault: Fault
    least: int = 0
    most: int = 0
    choices: tuple[str, ...] = ()


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
    form = Form(
        name=_line(given["name"]),
        email=_address(given["email"]),
        subject=_line(given["subject"]),
        category=given["category"].strip(),
        priority=given["priority"].strip() or DEFAULT_PRIORITY,
        message=_lines(given["message"]),
    )
    found = (
        _length("name", form.name, NAME_LENGTH),
        _email(given["email"], form.email),
        _length("subject", form.subject, SUBJECT_LENGTH),
        _choice("category", form.category, CATEGORIES),
        _choice("priority", form.priority, PRIORITIES),
        _length("message", form.message, MESSAGE_LENGTH),
        FieldError(TRAP, Fault.FILLED) if _text(fields.get(TRAP)) else None,
    )
    errors = tuple(error for error in found if error is not None)
    if errors:
        raise FormInvalidError(errors)
    return form


def read_reply(fields: Mapping[str, object]) -> str:
    """Checks the text of a status-page reply and returns it.

    Raises:
        FormInvalidError: if it is missing or too long.

    """
    message = _lines(_text(fields.get("message")))
    error = _length("reply", message, REPLY_LENGTH)
    if error is not None:
        raise FormInvalidError((error,))
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


def _length(field: str, text: str, limits: tuple[int, int]) -> FieldError | None:
    least, most = limits
    if not text:
        return FieldError(field, Fault.MISSING, least, most)
    if len(text) < least:
        return FieldError(field, Fault.SHORT, least, most)
    if len(text) > most:
        return FieldError(field, Fault.LONG, least, most)
    return None


def _address(text: str) -> str:
    """The normalised address, empty if it is none."""
    try:
        return validate_email(_line(text), check_deliverability=False).normalized.lower()
    except EmailNotValidError:
        return ""


def _email(text: str, address: str) -> FieldError | None:
    if address:
        return None
    return FieldError("email", Fault.FORMAT if text.strip() else Fault.MISSING)


def _choice(field: str, value: str, choices: tuple[str, ...]) -> FieldError | None:
    return None if value in choices else FieldError(field, Fault.CHOICE, choices=choices)
