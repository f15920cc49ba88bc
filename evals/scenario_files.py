"""Reads scenarios from YAML, strictly: an unknown field or a wrong value is named with file and line."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatch
from pathlib import Path
from typing import Final, TypeVar

import yaml

from evals.scenario import (
    LANGUAGES,
    REASONS,
    Channel,
    Expect,
    Mood,
    Move,
    Scenario,
    TicketEffect,
)

FOLDER: Final = Path(__file__).with_name("scenarios")
_LONGEST_FILE: Final = 1_000_000
_STATUSES: Final = ("open", "in_progress", "escalated", "resolved", "closed")
_CATEGORIES: Final = ("general", "technical", "billing", "feedback", "bug_report")
_PRIORITIES: Final = ("low", "medium", "high", "urgent")
_URGENCIES: Final = ("low", "normal", "high", "critical")
# The support form's own limits, in characters.
_FORM_SUBJECT: Final = 5
_FORM_MESSAGE: Final = 10
_NONE: Final = "none"

EnumT = TypeVar("EnumT", bound=StrEnum)


class ScenarioError(Exception):
    """Raised when scenario files are wrong; the text has one line for each fault."""


class _Fault(Exception):
    """One fault at one place of one file."""

    def __init__(self, place: yaml.Node, text: str) -> None:
        super().__init__(f"line {place.start_mark.line + 1}: {text}")


def load_scenarios(
    folder: Path = FOLDER, *, only: Sequence[str] = (), quick: bool = False
) -> list[Scenario]:
    """Loads all scenarios of a folder's `*.yaml` files, sorted by topic and name.

    `only` keeps names that match one of its patterns (`*` stands for anything), `quick` the quick set.

    Raises:
        ScenarioError: if a file has a fault, a name stands twice, or a pattern matches nothing.
    """
    found: list[Scenario] = []
    faults: list[str] = []
    for path in sorted(folder.glob("*.yaml")):
        try:
            found += read_scenarios(path)
        except ScenarioError as error:
            faults.append(str(error))
    names = [scenario.name for scenario in found]
    faults += [f"{name} stands twice" for name in sorted(set(names)) if names.count(name) > 1]
    faults += [
        f"no scenario is named {pattern}"
        for pattern in only
        if not any(fnmatch(name, pattern) for name in names)
    ]
    if not found and not faults:
        faults.append(f"no scenarios in {folder}")
    if faults:
        raise ScenarioError("\n".join(faults))
    return [
        scenario
        for scenario in sorted(found, key=lambda one: (one.topic, one.name))
        if (not only or any(fnmatch(scenario.name, pattern) for pattern in only))
        and (scenario.quick or not quick)
    ]


def read_scenarios(path: Path) -> list[Scenario]:
    """Reads one file: a list of scenarios, whose topic is the file's name.

    Raises:
        ScenarioError: naming the file and the line of every scenario's first fault.
    """
    try:
        if path.stat().st_size > _LONGEST_FILE:
            raise ScenarioError(f"{path.name}: more than {_LONGEST_FILE} bytes")
        root = yaml.compose(path.read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
    except (OSError, UnicodeDecodeError) as error:
        raise ScenarioError(f"{path.name}: {error}") from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f"line {mark.line + 1}: " if mark else ""
        raise ScenarioError(f"{path.name}: {line}{getattr(error, 'problem', error)}") from error
    if not isinstance(root, yaml.SequenceNode):
        raise ScenarioError(f"{path.name}: line 1: a list of scenarios is wanted")
    found: list[Scenario] = []
    faults: list[str] = []
    for node in root.value:
        try:
            found.append(_scenario(node, path.stem))
        except _Fault as fault:
            faults.append(f"{path.name}: {fault}")
    if faults:
        raise ScenarioError("\n".join(faults))
    return found


@dataclass(frozen=True, slots=True)
class _Fields:
    """The fields of one mapping; asking for one that is missing, and leaving one unread, are faults."""

    node: yaml.Node
    values: Mapping[str, yaml.Node]

    @classmethod
    def of(cls, node: yaml.Node, known: Sequence[str]) -> "_Fields":
        if not isinstance(node, yaml.MappingNode):
            raise _Fault(node, f"a mapping with some of {', '.join(known)} is wanted")
        values: dict[str, yaml.Node] = {}
        for key, value in node.value:
            name = str(key.value)
            if name not in known:
                raise _Fault(key, f"{name} is none of {', '.join(known)}")
            if name in values:
                raise _Fault(key, f"{name} stands twice")
            values[name] = value
        return cls(node, values)

    def wanted(self, name: str) -> yaml.Node:
        if name not in self.values:
            raise _Fault(self.node, f"{name} is missing")
        return self.values[name]

    def words(self, name: str, known: Sequence[str] = ()) -> frozenset[str]:
        found = _texts(self.values[name]) if name in self.values else ()
        for word in found:
            if known and word not in known:
                raise _Fault(self.values[name], f"{word} is none of {', '.join(known)}")
        return frozenset(found)

    def flag(self, name: str) -> bool:
        if name not in self.values:
            return False
        if (text := _text(self.values[name])) not in ("true", "false"):
            raise _Fault(self.values[name], f"{name} is true or false, not {text}")
        return text == "true"

    def choice(self, name: str, known: Sequence[str], default: str) -> str:
        if name not in self.values:
            return default
        if (text := _text(self.values[name])) not in known:
            raise _Fault(self.values[name], f"{text} is none of {', '.join(known)}")
        return text


_SCENARIO: Final = (
    "name", "channel", "language", "mood", "quick", "subject", "category", "priority", "moves", "ticket",
)  # fmt: skip
_MOVE: Final = ("say", "channel", "subject", "expect")
_EXPECT: Final = (
    "answers", "escalation", "facts", "absent", "asks", "empathy", "continues", "most", "or_person",
    "urgency",
)  # fmt: skip
_TICKET: Final = ("status", "category", "priority")


def _scenario(node: yaml.Node, topic: str) -> Scenario:
    fields = _Fields.of(node, _SCENARIO)
    channel = _enum(fields.wanted("channel"), Channel)
    language = fields.wanted("language")
    if _text(language) not in LANGUAGES:
        raise _Fault(language, f"{_text(language)} is none of {', '.join(LANGUAGES)}")
    subjects = _texts(fields.values["subject"]) if "subject" in fields.values else ()
    moves = [
        _move(one, channel, subjects if place == 0 else ())
        for place, one in enumerate(_items(fields.wanted("moves")))
    ]
    return Scenario(
        name=_text(fields.wanted("name")),
        topic=topic,
        language=_text(language),
        mood=_enum(fields.wanted("mood"), Mood),
        moves=tuple(moves),
        ticket=_ticket(fields),
        quick=fields.flag("quick"),
        form_category=fields.choice("category", _CATEGORIES, "general"),
        form_priority=fields.choice("priority", _PRIORITIES[:3], "medium"),
    )


def _ticket(fields: _Fields) -> TicketEffect:
    if "ticket" not in fields.values:
        return TicketEffect()
    wanted = _Fields.of(fields.values["ticket"], _TICKET)
    return TicketEffect(
        wanted.words("status", _STATUSES),
        wanted.words("category", _CATEGORIES),
        wanted.words("priority", _PRIORITIES),
    )


def _move(node: yaml.Node, channel: Channel, subjects: tuple[str, ...]) -> Move:
    fields = _Fields.of(node, _MOVE)
    if "channel" in fields.values:
        channel = _enum(fields.values["channel"], Channel)
    if "subject" in fields.values:
        subjects = _texts(fields.values["subject"])
    if channel is Channel.WEB_FORM and any(len(one.strip()) < _FORM_SUBJECT for one in subjects):
        raise _Fault(node, f"a form's subject has at least {_FORM_SUBJECT} characters")
    wordings = []
    for one in _items(fields.wanted("say")):
        burst = _texts(one)
        if channel is Channel.WEB_FORM:
            _form_faults(one, burst, opens=bool(subjects))
        wordings.append(burst)
    expect = _expect(fields.values["expect"]) if "expect" in fields.values else Expect()
    return Move(channel, tuple(wordings), expect, subjects)


def _form_faults(node: yaml.Node, burst: Sequence[str], *, opens: bool) -> None:
    """Refuses what the support form would refuse."""
    if len(burst) > 1:
        raise _Fault(node, "a form is one message")
    if opens and len(burst[0].strip()) < _FORM_MESSAGE:
        raise _Fault(node, f"a form's message has at least {_FORM_MESSAGE} characters")


def _expect(node: yaml.Node) -> Expect:
    fields = _Fields.of(node, _EXPECT)
    reasons = fields.words("escalation", (*REASONS, _NONE))
    facts = (
        [_alternatives(one) for one in _items(fields.values["facts"])]
        if "facts" in fields.values
        else []
    )
    return Expect(
        answers=_range(fields.values["answers"]) if "answers" in fields.values else (1, 1),
        escalation=reasons - {_NONE},
        may_answer=not reasons or _NONE in reasons,
        facts=tuple(facts),
        absent=_texts(fields.values["absent"]) if "absent" in fields.values else (),
        asks=fields.flag("asks"),
        empathy=fields.flag("empathy"),
        continues=_enum(fields.values["continues"], Channel)
        if "continues" in fields.values
        else None,
        most=_number(fields.values["most"]) if "most" in fields.values else 0,
        or_person=fields.flag("or_person"),
        urgency=fields.words("urgency", _URGENCIES),
    )


def _alternatives(node: yaml.Node) -> tuple[str, ...]:
    return tuple(part.strip() for part in _text(node).split("|") if part.strip())


def _items(node: yaml.Node) -> Iterator[yaml.Node]:
    if not isinstance(node, yaml.SequenceNode) or not node.value:
        raise _Fault(node, "a list with at least one entry is wanted")
    return iter(node.value)


def _texts(node: yaml.Node) -> tuple[str, ...]:
    """One text, or a list of them."""
    if isinstance(node, yaml.ScalarNode):
        return (_text(node),)
    return tuple(_text(one) for one in _items(node))


def _text(node: yaml.Node) -> str:
    if not isinstance(node, yaml.ScalarNode):
        raise _Fault(node, "a text is wanted")
    return str(node.value)


def _number(node: yaml.Node) -> int:
    return _parsed(node, int, "a whole number is wanted")


def _range(node: yaml.Node) -> tuple[int, int]:
    least, _, most = _text(node).partition("-")
    return _parsed(node, lambda _: (int(least), int(most or least)), "a number or 0-1 is wanted")


def _parsed(node: yaml.Node, parse: Callable[[str], "ParsedT"], wish: str) -> "ParsedT":
    try:
        return parse(_text(node))
    except ValueError as error:
        raise _Fault(node, f"{wish}, not {_text(node)}") from error


def _enum(node: yaml.Node, kind: type[EnumT]) -> EnumT:
    try:
        return kind(_text(node))
    except ValueError as error:
        raise _Fault(node, f"{_text(node)} is none of {', '.join(kind)}") from error


ParsedT = TypeVar("ParsedT")
