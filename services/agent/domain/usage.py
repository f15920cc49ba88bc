"""What asking a model costs: tokens as the provider counted them, money by a dated price list, and limits on both.

Money is in millionths of a US dollar, so that sums are exact; a price in dollars per million tokens is that number of
millionths for one token.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

_SNAPSHOT = re.compile(r"-\d{4}-\d{2}-\d{2}$")


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of calls of one model; cached input is a part of the input. Retries are requests beyond the first."""

    calls: int = 0
    retries: int = 0
    input_tokens: int = 0
    cached_input_tokens: int = 0
    output_tokens: int = 0

    @property
    def tokens(self) -> int:
        """All tokens, in and out."""
        return self.input_tokens + self.output_tokens

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(
            self.calls + other.calls,
            self.retries + other.retries,
            self.input_tokens + other.input_tokens,
            self.cached_input_tokens + other.cached_input_tokens,
            self.output_tokens + other.output_tokens,
        )


@dataclass(frozen=True, slots=True)
class Price:
    """US dollars per million tokens."""

    input: Decimal
    cached_input: Decimal
    output: Decimal

    def cost(self, usage: Usage) -> int:
        """Returns the cost in millionths of a dollar, rounded up."""
        fresh = usage.input_tokens - usage.cached_input_tokens
        return math.ceil(
            fresh * self.input
            + usage.cached_input_tokens * self.cached_input
            + usage.output_tokens * self.output
        )


@dataclass(frozen=True, slots=True)
class PriceList:
    """What models cost. A model without a price is counted in tokens only."""

    prices: Mapping[str, Price] = field(default_factory=dict)

    def price(self, model: str) -> Price | None:
        """Returns a model's price; a dated snapshot (`name-2026-01-31`) costs what its model costs."""
        return self.prices.get(model) or self.prices.get(_SNAPSHOT.sub("", model))

    def cost(self, model: str, usage: Usage) -> int:
        """Returns the cost in millionths of a dollar; 0 for a model without a price."""
        price = self.price(model)
        return price.cost(usage) if price is not None else 0


@dataclass(frozen=True, slots=True)
class Spent:
    """What was spent in a turn or on a day; `cost` is in millionths of a dollar."""

    turns: int = 0
    tokens: int = 0
    cost: int = 0


@dataclass(frozen=True, slots=True)
class Limit:
    """What may be spent; None is without limit."""

    turns: int | None = None
    tokens: int | None = None
    cost: int | None = None

    def reached(self, spent: Spent) -> bool:
        """Tells whether nothing more may be spent. The turn that is under way is among those spent."""
        return (
            (self.turns is not None and spent.turns > self.turns)
            or (self.tokens is not None and spent.tokens >= self.tokens)
            or (self.cost is not None and spent.cost >= self.cost)
        )


@dataclass(frozen=True, slots=True)
class DaySpent:
    """What was spent today (UTC): by one side of one customer, and by all together."""

    customer: Spent = Spent()
    installation: Spent = Spent()


@dataclass(frozen=True, slots=True)
class Budgets:
    """The limits of one turn, of a customer's day and of the installation's day; `steps` are calls in one turn.

    A limit is looked at before each call, so it can be passed by what one call costs, and the installation's by one
    call of each turn that is under way.
    """

    steps: int = 8
    turn: Limit = Limit(tokens=120_000, cost=250_000)
    customer_day: Limit = Limit(turns=100, tokens=1_000_000, cost=1_000_000)
    installation_day: Limit = Limit(tokens=100_000_000, cost=50_000_000)

    def spent(self, turn: Spent, day: DaySpent) -> str:
        """Names the budget that is spent: turn, customer_day or installation_day; empty while none is."""
        if self.turn.reached(turn):
            return "turn"
        if self.customer_day.reached(day.customer):
            return "customer_day"
        return "installation_day" if self.installation_day.reached(day.installation) else ""
