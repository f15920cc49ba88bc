"""Owns the fault rules: what is asked for, which request a rule bites, how often it has bitten.

A rule is a JSON object:

    action   status | close | hang | slow | lose_callback | duplicate_callback | delay_callback
             | late_visibility
    method   of the request, default any
    path     regular expression that must match from the start of the path (`$` pins the end),
             default any
    times    how often the rule bites, default null = always
    skip     how many matching requests pass first, default 0
    effect   "before": the request takes effect, then the fault; "none": it has no effect.
             Default "before" for close and hang, "none" for status
    status, body, headers   of the answer of action status; default 503 and the provider's error
    seconds  hang: hold before the connection is closed (60); slow: length of the drip (5);
             delay_callback: added delay (5); late_visibility: how long the effect stays unseen (5)
    copies   duplicate_callback: deliveries in all, default 2
    only     callback actions: bite only this kind of callback (`sent`, `delivered`, `read`,
             `failed`, `inbound`, `push`), default any

Callback rules match the path of the callback's receiver or of the request that caused it.
"""

import re
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, Final

from simulators.database import Database
from simulators.input import BadInputError


class Action(StrEnum):
    """Names what a rule does."""

    STATUS = "status"
    CLOSE = "close"
    HANG = "hang"
    SLOW = "slow"
    LOSE_CALLBACK = "lose_callback"
    DUPLICATE_CALLBACK = "duplicate_callback"
    DELAY_CALLBACK = "delay_callback"
    LATE_VISIBILITY = "late_visibility"


ANSWERS: Final = frozenset({Action.STATUS, Action.CLOSE, Action.HANG, Action.SLOW})
_SECONDS: Final = {
    Action.HANG: 60.0,
    Action.SLOW: 5.0,
    Action.DELAY_CALLBACK: 5.0,
    Action.LATE_VISIBILITY: 5.0,
}


@dataclass(slots=True)
class Rule:
    """Holds one rule as asked for, and how often it has matched and bitten."""

    action: Action
    method: str | None = None
    path: str = ""
    times: int | None = None
    skip: int = 0
    effect: str = "before"
    status: int = 503
    body: Any = None
    headers: dict[str, str] | None = None
    seconds: float = 0.0
    copies: int = 2
    only: str | None = None
    passed: int = 0
    bitten: int = 0

    def matches(self, method: str, path: str) -> bool:
        """Tells whether the rule means this method and path."""
        return self.method in (None, method) and re.match(self.path, path) is not None

    def bites(self) -> bool:
        """Counts one match; tells whether the rule still bites."""
        if self.times is not None and self.bitten >= self.times:
            return False
        if self.passed < self.skip:
            self.passed += 1
            return False
        self.bitten += 1
        return True


@dataclass(frozen=True, slots=True)
class Origin:
    """Names the request being handled, and how long its effects are to stay unseen."""

    method: str = ""
    path: str = ""
    late_seconds: float = 0.0


ORIGIN: Final[ContextVar[Origin]] = ContextVar("origin", default=Origin())  # noqa: B039 - frozen


@dataclass(frozen=True, slots=True)
class Callbacks:
    """Says how one callback is to be delivered: how many copies, after which added delay."""

    copies: int = 1
    delay_seconds: float = 0.0


def parse(value: Any) -> Rule:
    """Returns a rule from its JSON object.

    Raises:
        BadInputError: if a field is unknown or has the wrong form; the text says which.
    """
    if not isinstance(value, Mapping):
        raise BadInputError("a rule is a JSON object")
    fields = dict(value)
    try:
        action = Action(fields.pop("action", None))
    except ValueError as exc:
        raise BadInputError(f"action is one of {', '.join(Action)}") from exc
    known = set(Rule.__dataclass_fields__) - {"passed", "bitten"}
    if unknown := set(fields) - known:
        raise BadInputError(f"unknown fields: {', '.join(sorted(unknown))}")
    given = {name: item for name, item in fields.items() if item is not None}
    effect = "none" if action is Action.STATUS else "before"
    defaults = {"effect": effect, "seconds": _SECONDS.get(action, 0.0)}
    rule = Rule(action, **{**defaults, **given})
    _check(rule)
    rule.method = None if rule.method in (None, "*") else str(rule.method).upper()
    return rule


def _check(rule: Rule) -> None:
    try:
        re.compile(rule.path)
    except (re.error, TypeError) as exc:
        raise BadInputError(f"path is not a regular expression: {exc}") from exc
    if rule.effect not in ("before", "none"):
        raise BadInputError('effect is "before" or "none"')
    for name in ("times", "skip", "status", "copies"):
        number = getattr(rule, name)
        if number is not None and (not isinstance(number, int) or number < 0):
            raise BadInputError(f"{name} is a whole number from 0")
    if not isinstance(rule.seconds, int | float) or rule.seconds < 0:
        raise BadInputError("seconds is a number from 0")
    if rule.headers is not None and not isinstance(rule.headers, dict):
        raise BadInputError("headers is a JSON object of texts")


class FaultBook:
    """Holds the rules in order of posting, across restarts; the first that matches bites."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._rules = [
            Rule(Action(stored.pop("action")), **stored) for stored in database.kept("faults", [])
        ]

    def add(self, rules: list[Rule]) -> None:
        """Appends rules."""
        self._rules.extend(rules)
        self._save()

    def clear(self) -> None:
        """Removes all rules."""
        self._rules.clear()
        self._save()

    def shown(self) -> list[dict[str, Any]]:
        """Returns the rules as JSON objects with `bitten`, the number of times each has bitten."""
        return [asdict(rule) for rule in self._rules]

    def answer_to(self, method: str, path: str) -> Rule | None:
        """Returns the rule that decides the answer to a request, counted as bitten, or None."""
        return self._bite(ANSWERS, ((method, path),))

    def late_seconds(self, method: str, path: str) -> float:
        """Returns how long the effects of a request stay unseen, 0 without a rule."""
        rule = self._bite(frozenset({Action.LATE_VISIBILITY}), ((method, path),))
        return 0.0 if rule is None else rule.seconds

    def callback(self, kind: str, path: str) -> Callbacks:
        """Returns how to deliver a callback of some kind to a path, by the rules that bite it."""
        if not self._rules:
            return Callbacks()
        origin = ORIGIN.get()
        targets = (("POST", path), (origin.method, origin.path))
        if self._bite(frozenset({Action.LOSE_CALLBACK}), targets, kind):
            return Callbacks(copies=0)
        twice = self._bite(frozenset({Action.DUPLICATE_CALLBACK}), targets, kind)
        later = self._bite(frozenset({Action.DELAY_CALLBACK}), targets, kind)
        return Callbacks(
            copies=twice.copies if twice else 1, delay_seconds=later.seconds if later else 0.0
        )

    def _bite(
        self,
        actions: frozenset[Action],
        targets: tuple[tuple[str, str], ...],
        kind: str | None = None,
    ) -> Rule | None:
        for rule in self._rules:
            if rule.action not in actions or rule.only not in (None, kind):
                continue
            if any(rule.matches(*target) for target in targets) and rule.bites():
                self._save()
                return rule
        return None

    def _save(self) -> None:
        self._database.keep("faults", self.shown())
