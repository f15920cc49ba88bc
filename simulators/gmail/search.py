"""Owns the subset of Gmail's search language that `messages.list` understands.

Operators: `rfc822msgid:`, `from:`, `to:`, `subject:`, `in:`, `is:`, `label:`, `after:`, `before:`
(`YYYY/MM/DD` or Unix seconds), `newer_than:`, `older_than:` (`2d`, `3h`, `1m`, `1y`); each may be
negated by `-`. Everything else is a word or a quoted phrase that the text must hold.
"""

import re
import time
from datetime import UTC, datetime
from typing import Any, Final

Clause = tuple[str, Any]

_TERM: Final = re.compile(r'(-?)(?:([a-z_0-9]+):)?("[^"]*"|\S+)', re.IGNORECASE)
_AGE: Final = re.compile(r"(\d+)([hdmy])")
_AGE_SECONDS: Final = {"h": 3600, "d": 86400, "m": 30 * 86400, "y": 365 * 86400}
_HAS_LABEL: Final = "instr(labels, ?) > 0"


def clauses(query: str) -> list[Clause]:
    """Returns the query as SQL conditions over the table of messages, one value each."""
    found = []
    for sign, operator, quoted in _TERM.findall(query):
        clause = _clause(operator.lower(), quoted.strip('"'))
        if clause is not None:
            found.append((f"NOT ({clause[0]})", clause[1]) if sign else clause)
    return found


def label_clause(label: str) -> Clause:
    """Returns the condition that a message carries a label."""
    return _HAS_LABEL, f'"{label}"'


def _clause(operator: str, value: str) -> Clause | None:
    match operator:
        case "rfc822msgid":
            return "rfc_id = ?", f"<{value.strip('<>')}>"
        case "from":
            return "instr(sender, ?) > 0", value.lower()
        case "to":
            return "instr(recipients, ?) > 0", value.lower()
        case "subject":
            return "instr(subject_key, ?) > 0", value.casefold()
        case "in" | "is" | "label":
            return None if value.lower() == "anywhere" else label_clause(value.upper())
        case "after" | "newer" if (moment := _moment(value)) is not None:
            return "internal_ms >= ?", moment * 1000
        case "before" | "older" if (moment := _moment(value)) is not None:
            return "internal_ms < ?", moment * 1000
        case "newer_than" if (age := _AGE.fullmatch(value)) is not None:
            return "internal_ms >= ?", (time.time() - int(age[1]) * _AGE_SECONDS[age[2]]) * 1000
        case "older_than" if (age := _AGE.fullmatch(value)) is not None:
            return "internal_ms < ?", (time.time() - int(age[1]) * _AGE_SECONDS[age[2]]) * 1000
    words = f"{operator}:{value}" if operator else value
    return "instr(searched, ?) > 0", words.casefold()


def _moment(text: str) -> float | None:
    if text.isdecimal():
        return float(text)
    try:
        return datetime.strptime(text.replace("-", "/"), "%Y/%m/%d").replace(tzinfo=UTC).timestamp()
    except ValueError:
        return None
