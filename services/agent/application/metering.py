"""The meter of one turn: what its model calls cost, and whether a budget forbids the next one."""

from dataclasses import dataclass, field

from services.agent.application.ports import UsageLedger
from services.agent.domain.turn import Turn
from services.agent.domain.usage import Budgets, DaySpent, PriceList, Spent, Usage


@dataclass(frozen=True, slots=True)
class Metering:
    """Budgets, prices and the ledger; without a ledger nothing outlives the turn, and only its own budget holds."""

    budgets: Budgets = field(default_factory=Budgets)
    prices: PriceList = field(default_factory=PriceList)
    ledger: UsageLedger | None = None


class Meter:
    """Counts one turn's calls of one model."""

    def __init__(self, metering: Metering, turn: Turn, model: str) -> None:
        self._metering = metering
        self._turn = turn
        self._model = model
        self._cost = 0
        self._day: DaySpent | None = None
        self.usage = Usage()

    async def allows(self) -> bool:
        """Tells whether the model may be asked once more; the first question opens the turn in the ledger."""
        ledger = self._metering.ledger
        if self._day is None:
            self._day = await ledger.open(self._turn, self._model) if ledger else DaySpent()
        own = Spent(tokens=self.usage.tokens, cost=self._cost)
        if not self._metering.budgets.spent(own, self._day):
            return True
        if ledger is not None:
            await ledger.stop(self._turn, self._model)
        return False

    async def charge(self, usage: Usage) -> None:
        """Adds what a call cost, whatever came of it."""
        if usage == Usage():
            return
        cost = self._metering.prices.cost(self._model, usage)
        self.usage += usage
        self._cost += cost
        if self._metering.ledger is not None:
            self._day = await self._metering.ledger.charge(self._turn, self._model, usage, cost)
