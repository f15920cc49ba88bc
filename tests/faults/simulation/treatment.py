"""How a simulated provider treats what it is asked: planned, or drawn by chance."""

from dataclasses import dataclass, field
from enum import StrEnum
from random import Random
from typing import Protocol


class Action(StrEnum):
    """What happens to one request.

    take: it is done and answered. lose, hang: it never arrives, and fails at once or at the timeout. The same with
    `take_and_`: it is done, and its answer is lost. reject is a 4xx, limit a 429, refuse a refused connection.
    """

    TAKE = "take"
    REJECT = "reject"
    LIMIT = "limit"
    REFUSE = "refuse"
    LOSE = "lose"
    TAKE_AND_LOSE = "take_and_lose"
    HANG = "hang"
    TAKE_AND_HANG = "take_and_hang"

    @property
    def takes(self) -> bool:
        """Whether the request has its effect."""
        return self in _TAKING

    @property
    def hangs(self) -> bool:
        """Whether no answer comes before the timeout."""
        return self in _HANGING


_TAKING = frozenset({Action.TAKE, Action.TAKE_AND_LOSE, Action.TAKE_AND_HANG})
_HANGING = frozenset({Action.HANG, Action.TAKE_AND_HANG})


@dataclass(frozen=True, slots=True)
class Treatment:
    """An action; `retry_after` in seconds goes with a limit, `late` makes a take_and_hang take so much later."""

    action: Action
    retry_after: float | None = None
    late: float = 0.0


@dataclass(frozen=True, slots=True)
class Call:
    """A status: after how many seconds the message has it and its callback arrives, unless that one is lost."""

    status: str
    seconds: float
    error_code: str = ""
    lost: bool = False


TAKE = Treatment(Action.TAKE)
REFUSE = Treatment(Action.REFUSE)


class TreatmentPlan(Protocol):
    """Says what a provider does. It is asked once for each thing that happens, in order."""

    def request(self, provider: str) -> Treatment:
        """Returns what happens to the next prepare or send."""

    def dark(self, provider: str) -> Treatment:
        """Returns what happens to the next one while the provider is dark; it takes nothing."""

    def visible_after(self, provider: str) -> float:
        """Returns the seconds after which a witness shows a message that was taken."""

    def witness_dark(self, provider: str) -> bool:
        """Tells whether the next reading fails: of a witness, of a status, or for a sign of life."""

    def draft_lost_after(self, provider: str) -> float | None:
        """Returns the seconds after which somebody deletes the next draft; None leaves it."""

    def callbacks(self, provider: str) -> tuple[Call, ...]:
        """Returns the callbacks of the next message: some may be lost, doubled, late or in any order."""


@dataclass
class Scheduled:
    """Treats the next requests as given, in order; otherwise everything goes well."""

    requests: list[Treatment] = field(default_factory=list)
    witness_late: float = 0.0
    witness_is_dark: bool = False
    draft_lost: float | None = None
    calls: tuple[Call, ...] = (Call("sent", 0.5), Call("delivered", 1.0), Call("read", 5.0))
    in_the_dark: Treatment = REFUSE

    def request(self, provider: str) -> Treatment:
        """Returns the next treatment."""
        return self.requests.pop(0) if self.requests else TAKE

    def dark(self, provider: str) -> Treatment:
        """Returns the one treatment of the dark."""
        return self.in_the_dark

    def visible_after(self, provider: str) -> float:
        """Returns the one lateness."""
        return self.witness_late

    def witness_dark(self, provider: str) -> bool:
        """Returns the switch."""
        return self.witness_is_dark

    def draft_lost_after(self, provider: str) -> float | None:
        """Returns the one lifetime."""
        return self.draft_lost

    def callbacks(self, provider: str) -> tuple[Call, ...]:
        """Returns the calls."""
        return self.calls


@dataclass(frozen=True, slots=True)
class Chances:
    """How often things go wrong, of one; the seconds are upper bounds of what is drawn evenly."""

    request: float = 0.1
    rejected: float = 0.005
    witness_late: float = 0.1
    witness_late_seconds: float = 60.0
    witness_dark: float = 0.1
    draft_lost: float = 0.002
    callback_lost: float = 0.1
    callback_doubled: float = 0.1
    callback_failed: float = 0.01
    callback_seconds: float = 20.0
    retry_after_seconds: float = 30.0
    late_seconds: float = 15.0


_FAULTS = (
    Action.LIMIT,
    Action.REFUSE,
    Action.LOSE,
    Action.TAKE_AND_LOSE,
    Action.HANG,
    Action.TAKE_AND_HANG,
)
_DARK = (Action.REFUSE, Action.REFUSE, Action.LOSE, Action.HANG)


class Moody:
    """Draws by chance."""

    def __init__(self, random: Random, chances: Chances | None = None) -> None:
        self._random = random
        self._chances = chances or Chances()

    def request(self, provider: str) -> Treatment:
        """Returns mostly take."""
        chance = self._random.random()
        if chance < self._chances.rejected:
            return Treatment(Action.REJECT)
        if chance >= self._chances.rejected + self._chances.request:
            return TAKE
        return self._drawn(_FAULTS)

    def dark(self, provider: str) -> Treatment:
        """Returns what takes nothing."""
        return self._drawn(_DARK)

    def visible_after(self, provider: str) -> float:
        """Returns mostly no time."""
        return self._seldom(self._chances.witness_late) * self._chances.witness_late_seconds

    def witness_dark(self, provider: str) -> bool:
        """Returns mostly no."""
        return self._random.random() < self._chances.witness_dark

    def draft_lost_after(self, provider: str) -> float | None:
        """Returns mostly nothing."""
        return self._seldom(self._chances.draft_lost) or None

    def callbacks(self, provider: str) -> tuple[Call, ...]:
        """Returns calls whose travels reorder them."""
        chances, random = self._chances, self._random
        failed = random.random() < chances.callback_failed
        calls = []
        for status in ("sent", "failed") if failed else ("sent", "delivered", "read"):
            chance = random.random()
            lost = chance < chances.callback_lost
            copies = 2 if chance > 1 - chances.callback_doubled else 1
            error = "63024" if status == "failed" else ""
            calls += [
                Call(status, random.random() * chances.callback_seconds, error, lost)
                for _ in range(copies)
            ]
        return tuple(calls)

    def _drawn(self, actions: tuple[Action, ...]) -> Treatment:
        action = self._random.choice(actions)
        chances, chance = self._chances, self._random.random()
        if action is Action.LIMIT and chance < 0.7:
            return Treatment(
                action, retry_after=self._random.random() * chances.retry_after_seconds
            )
        if action is Action.TAKE_AND_HANG and chance < 0.3:
            return Treatment(action, late=self._random.random() * chances.late_seconds)
        return Treatment(action)

    def _seldom(self, chance: float) -> float:
        return self._random.random() if self._random.random() < chance else 0.0
