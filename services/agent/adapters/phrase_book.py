"""Reads the phrases: the product's own texts beside the service, and over them what the company says instead.

A file `phrases/<language>.yaml` of the company's folder names only the texts that it changes; for a language that
the product has no texts in, it names all of them.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, Field, dataclass, fields
from pathlib import Path
from string import Formatter
from types import MappingProxyType
from typing import Any, get_type_hints

import structlog
import yaml

from services.agent.domain.phrases import OTHER, PhraseBook, Phrases, Place
from services.agent.domain.turn import DEFAULT_LANGUAGE, Channel

SHIPPED = Path(__file__).resolve().parent.parent / "phrases"
FOLDER = "phrases"
MOST_BYTES = 64 * 1024
MOST_CHARACTERS = 1000

_FILE = re.compile(r"[a-z]{2,3}\.yaml")
_CHANNELS = Mapping[Channel, str]
_NAMES = Mapping[str, str]
_MAY_BE_EMPTY = "help_url"
_LINK = re.compile(r"https?://[^\s<>\"']+")

log = structlog.get_logger(__name__)


class PhraseError(ValueError):
    """A file of phrases is wrong; every line of the message names file, line and what to change."""


def load_phrases(context_dir: Path | None = None, default: str = DEFAULT_LANGUAGE) -> PhraseBook:
    """Reads all languages; `context_dir` is the company's folder, which may have no phrases at all.

    Raises:
        PhraseError: if a file cannot be read, or has an unknown, missing, repeated or empty text or place.
    """
    texts: dict[str, dict[str, str]] = {}
    origins: dict[str, Path] = {}
    problems: list[str] = []
    own = _files(context_dir / FOLDER) if context_dir is not None else []
    for path in (*_files(SHIPPED), *own):
        try:
            texts[path.stem] = {**texts.get(path.stem, {}), **_read(path)}
            origins[path.stem] = path
        except PhraseError as error:
            problems.append(str(error))
    for language, path in origins.items():
        if missing := _KEYS.keys() - texts[language].keys() - {_MAY_BE_EMPTY}:
            problems.append(f"{path}:1: missing: {', '.join(sorted(missing))}")
    if not problems and default not in texts:
        problems.append(f"there is no {default}.yaml, and {default} is the default language")
    if problems:
        raise PhraseError("\n".join(problems))
    return PhraseBook(
        {language: _phrases(language, found) for language, found in texts.items()},
        default,
        lambda language: log.warning("no phrases in a language", language=language, used=default),
    )


@dataclass(frozen=True, slots=True)
class _Key:
    """One text: its dotted name in the file, and the places that it must have."""

    name: str
    places: frozenset[str]


def _keys() -> Iterator[_Key]:
    kinds = get_type_hints(Phrases)
    annotated = get_type_hints(Phrases, include_extras=True)
    for one in fields(Phrases):
        if one.name == "language":
            continue
        marked = getattr(annotated[one.name], "__metadata__", ())
        places = frozenset(place.name for place in marked if isinstance(place, Place))
        for part in _parts(kinds[one.name]):
            yield _Key(f"{one.name}.{part}" if part else one.name, places)


def _parts(kind: object) -> tuple[str, ...]:
    if kind == _CHANNELS:
        return tuple(channel.value for channel in Channel)
    if kind == _NAMES:
        shipped = (path.stem for path in _files(SHIPPED))
        return (*sorted(shipped), OTHER)
    return ("",)


def _files(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.y*ml")) if folder.is_dir() else []


def _phrases(language: str, texts: Mapping[str, str]) -> Phrases:
    kinds = get_type_hints(Phrases)
    values: dict[str, Any] = {"language": language}
    for one in fields(Phrases):
        if one.name in values:
            continue
        if kinds[one.name] is str:
            values[one.name] = texts.get(one.name, _default(one))
            continue
        named = {part: texts[f"{one.name}.{part}"] for part in _parts(kinds[one.name])}
        by_channel = kinds[one.name] == _CHANNELS
        values[one.name] = MappingProxyType(
            {Channel(part): text for part, text in named.items()} if by_channel else named
        )
    return Phrases(**values)


def _default(one: "Field[Any]") -> str:
    return "" if one.default is MISSING else str(one.default)


def _read(path: Path) -> dict[str, str]:
    """Returns the texts of a file by their dotted names; all that is wrong in it is told at once."""
    if _FILE.fullmatch(path.name) is None:
        raise PhraseError(f"{path}:1: a file is named for its language, as in de.yaml")
    try:
        if path.stat().st_size > MOST_BYTES:
            raise PhraseError(f"{path}:1: the file is larger than {MOST_BYTES} bytes")
        tree = yaml.compose(path.read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise PhraseError(f"{path}:{line}: {error.problem}") from error
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise PhraseError(f"{path}:1: {error}") from error
    texts: dict[str, str] = {}
    problems: list[str] = []
    for name, line, node in _leaves(tree, "", 1):
        wrong = "repeated" if name in texts else _wrong(name, node)
        if wrong:
            problems.append(f"{path}:{line}: {name or 'the file'}: {wrong}")
        else:
            texts[name] = str(node.value).strip()
    if problems:
        raise PhraseError("\n".join(problems))
    return texts


def _leaves(node: yaml.Node | None, prefix: str, line: int) -> Iterator[tuple[str, int, yaml.Node]]:
    """Walks the nested keys of a file down to their texts; whatever else there is comes out as it is."""
    if node is None:
        return
    if isinstance(node, yaml.MappingNode) and (not prefix or prefix in _GROUPS):
        for key, value in node.value:
            name = f"{prefix}.{key.value}" if prefix else str(key.value)
            yield from _leaves(value, name, key.start_mark.line + 1)
    else:
        yield prefix, line, node


def _wrong(name: str, node: yaml.Node) -> str:
    """Says what is wrong with a text, empty if nothing is."""
    key = _KEYS.get(name)
    if key is None:
        return "unknown; the names are those of the product's own en.yaml"
    if not isinstance(node, yaml.ScalarNode):
        return "is no text"
    text = str(node.value).strip()
    if name == _MAY_BE_EMPTY:
        return "" if not text or _LINK.fullmatch(text) else "is no http(s) address"
    if not text:
        return "is empty"
    if len(text) > MOST_CHARACTERS:
        return f"is longer than {MOST_CHARACTERS} characters"
    try:
        found = set(_places(text))
    except ValueError as error:
        return f"has a brace that marks no place ({error})"
    if unknown := found - key.places:
        return f"has the unknown place {{{min(unknown)}}}"
    if lacking := key.places - found:
        return f"lacks the place {{{min(lacking)}}}"
    return ""


def _places(text: str) -> Iterator[str]:
    for _, place, form, conversion in Formatter().parse(text):
        if form or conversion:
            raise ValueError("a place is a bare name")
        if place is not None:
            yield place


_KEYS = {key.name: key for key in _keys()}
_GROUPS = frozenset(name.split(".")[0] for name in _KEYS if "." in name)
