"""Texts of others that must fit in one line: subjects and names."""

import re

from services.agent.domain.formatting.graphemes import cut

_REPLY_PREFIX = re.compile(
    r"^(?:\s*(?:re|aw|sv|antw|fwd?|wg|tr|rv|enc|res)\s*(?:\[\d+\])?:)+\s*", re.IGNORECASE
)
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_NO_NAME = re.compile(r"https?:|www\.|[<>@{}\[\]\\/|]|\d{4}")
_MOST_SUBJECT = 200
_MOST_NAME = 60


def reply_subject(subject: str, untitled: str) -> str:
    """Makes a one-line subject with exactly one `Re:`; `untitled` stands for one that is missing."""
    return f"Re: {bare_subject(subject, _MOST_SUBJECT) or untitled}"


def is_reply(subject: str) -> bool:
    """Tells whether a subject marks a reply or a forwarded mail, in the usual mail programs' languages."""
    return _REPLY_PREFIX.match(_one_line(subject)) is not None


def bare_subject(subject: str, most: int) -> str:
    """Returns a subject on one line without reply marks, cut to `most` characters."""
    return cut(_REPLY_PREFIX.sub("", _one_line(subject)), most)


def greeting_name(display_name: str) -> str:
    """Returns a name fit for a greeting; one that carries a link, markup or a number is none."""
    name = _one_line(display_name)
    return "" if _NO_NAME.search(name) else cut(name, _MOST_NAME)


def _one_line(text: str) -> str:
    return _CONTROL.sub(" ", text).strip()
