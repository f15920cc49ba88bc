"""The built pages: fragments of HTML made of the React components, and the files that they load.

A fragment has slots, which are filled with escaped text; what is HTML already says so. Markup is written once, in
`web/`: the server only chooses fragments.
"""

import gzip
import json
import mimetypes
import re
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from pathlib import Path

_SLOT = re.compile(r"⟦([a-z._]+)⟧")
_FORGET_NOTHING = "public, max-age=31536000, immutable"


class Html(str):
    """Text that is HTML already."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Asset:
    """One file that a page loads; its name changes with its content."""

    content: bytes
    compressed: bytes
    content_type: str

    def headers(self, *, compressed: bool) -> dict[str, str]:
        """Returns what a browser needs to know to keep it."""
        headers = {"cache-control": _FORGET_NOTHING, "vary": "accept-encoding"}
        return {**headers, "content-encoding": "gzip"} if compressed else headers


class BuiltPages:
    """What `make web` wrote to a folder; without it nothing is `built`, and only the API works."""

    def __init__(self, folder: Path) -> None:
        self._fragments: dict[str, dict[str, str]] = {}
        self._assets: dict[str, Asset] = {}
        listed = folder / "pages.json"
        if listed.is_file():
            self._fragments = json.loads(listed.read_text(encoding="utf-8"))
            self._assets = {
                path.name: _asset(path) for path in sorted((folder / "assets").iterdir())
            }

    @property
    def built(self) -> bool:
        """Whether there are pages."""
        return bool(self._fragments)

    def asset(self, name: str) -> Asset | None:
        """Returns a file that a page loads."""
        return self._assets.get(name)

    def fill(self, language: str, name: str, slots: Mapping[str, str]) -> Html:
        """Returns a fragment with its slots filled; a slot without a value stays empty."""
        return filled(self._fragments[language][name], slots)

    def has(self, language: str, name: str) -> bool:
        """Whether there is such a fragment."""
        return name in self._fragments[language]


def filled(fragment: str, slots: Mapping[str, str]) -> Html:
    """Fills the slots in one pass, so that no value can open a slot of its own."""

    def value(match: re.Match[str]) -> str:
        text = slots.get(match[1], "")
        return text if isinstance(text, Html) else escape(text)

    return Html(_SLOT.sub(value, fragment))


def _asset(path: Path) -> Asset:
    content = path.read_bytes()
    kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    if kind.startswith("text/") or kind == "application/javascript":
        kind = f"{kind}; charset=utf-8"
    return Asset(content, gzip.compress(content, 9, mtime=0), kind)
