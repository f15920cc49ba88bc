"""What the web channel says, in the languages of `services/intake/texts`, and which of them a reader wants."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from starlette.requests import Request

from services.intake.application.forms import FieldError

DEFAULT = "en"
_FOLDER = Path(__file__).resolve().parents[2] / "texts"


class Words:
    """The texts of one language; `language` is its ISO 639-1 code."""

    def __init__(self, texts: Mapping[str, Any]) -> None:
        self._texts = texts
        self.language: str = texts["language"]

    def say(self, name: str, /, **values: object) -> str:
        """Returns the text of a dotted name with its values put in."""
        found: Any = self._texts
        for part in name.split("."):
            found = found[part]
        return str(found).format(**values) if values else str(found)

    def error(self, error: FieldError) -> str:
        """Returns what to do about a wrong field."""
        return self.say(f"errors.{error.field}.{error.fault}", least=error.least, most=error.most)

    def speaker(self, role: str, name: str) -> str:
        """Returns who speaks: the customer, the AI, a named person or the system."""
        if role == "human" and name:
            return self.say("speakers.human_named", name=name)
        return self.say(f"speakers.{role if role in self._texts['speakers'] else 'system'}")

    def status(self, status: str) -> str:
        """Returns a ticket's state in plain words."""
        known = status if status in self._texts["statuses"] else "open"
        return self.say(f"statuses.{known}")

    def problem(self, kind: str) -> tuple[str, str]:
        """Returns title and text of a problem for somebody who reads it in a browser."""
        problems: Mapping[str, tuple[str, str]] = self._texts["problems"]
        title, text = problems.get(kind, problems["other"])
        return title, text


def _load() -> dict[str, Words]:
    files = sorted(_FOLDER.glob("*.json"))
    read = [Words(json.loads(path.read_text(encoding="utf-8"))) for path in files]
    return {words.language: words for words in read}


LANGUAGES = _load()


def words_for(request: Request, fields: Mapping[str, object] | None = None) -> Words:
    """Chooses a language: the one asked for in the address or the form, else the browser's, else English."""
    asked = request.query_params.get("lang") or (fields or {}).get("language")
    if isinstance(asked, str) and asked in LANGUAGES:
        return LANGUAGES[asked]
    for language in _accepted(request.headers.get("accept-language", "")):
        if language in LANGUAGES:
            return LANGUAGES[language]
    return LANGUAGES[DEFAULT]


def _accepted(header: str) -> list[str]:
    weighed: list[tuple[float, str]] = []
    for part in header[:500].split(","):
        tag, _, parameter = part.partition(";")
        try:
            weight = float(parameter.strip().removeprefix("q=")) if parameter.strip() else 1.0
        except ValueError:
            continue
        weighed.append((weight, tag.strip().lower().partition("-")[0]))
    return [tag for weight, tag in sorted(weighed, key=lambda one: -one[0]) if weight > 0]
