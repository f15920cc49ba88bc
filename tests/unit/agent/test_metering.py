"""Budgets: what turns and days may cost, who answers when that is spent, and what is recorded."""

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from services.agent.adapters.language_model_offline import OfflinePolicy
from services.agent.adapters.model_prices import PriceError, load_prices
from services.agent.application.metering import Metering
from services.agent.application.ports import ModelReply, ModelUnavailable
from services.agent.application.think import Thinker
from services.agent.domain.turn import EscalationReason, Turn, TurnAnswer
from services.agent.domain.usage import Budgets, DaySpent, Limit, Price, PriceList, Spent, Usage
from tests.fakes.agent import (
    KnownHistory,
    MemoryKnowledge,
    MemoryUsage,
    ScriptedModel,
    calls,
    local_judge,
)
from tests.fakes.phrases import BOOK
from tests.unit.agent.turns import text, turn

KNOWLEDGE = MemoryKnowledge()
TICKET = calls(("create_ticket", {"issue": "Reset a password"}), tokens=100)
HISTORY = calls(("get_customer_history", {}), tokens=100)
SEARCH = calls(("search_knowledge_base", {"query": "reset password"}), tokens=100)
SEND = calls(("send_response", {"message": "Select **Forgot password?**."}), tokens=100)
SCRIPT = (TICKET, HISTORY, SEARCH, SEND)
OPEN = Budgets(turn=Limit(), customer_day=Limit(), installation_day=Limit())
DOLLAR_A_TOKEN = PriceList({"scripted": Price(*[Decimal(1_000_000)] * 3)})


async def think(
    metering: Metering,
    *script: ModelReply | Exception,
    given: Turn | None = None,
    fallback: bool = True,
) -> tuple[TurnAnswer, ScriptedModel]:
    model = ScriptedModel(*(script or SCRIPT))
    thinker = Thinker(
        model=model,
        fallback=OfflinePolicy() if fallback else None,
        knowledge=KNOWLEDGE,
        history=KnownHistory(),
        phrases=BOOK,
        judge=local_judge(),
        metering=metering,
    )
    return await thinker.think(given or turn()), model


async def test_every_call_is_charged_and_the_turn_counted_once() -> None:
    ledger = MemoryUsage()
    answer, _ = await think(Metering(OPEN, DOLLAR_A_TOKEN, ledger))
    assert (answer.model, answer.tokens_used) == ("scripted", 400)
    assert ledger.day.customer == Spent(turns=1, tokens=400, cost=400_000_000)
    assert ledger.stopped == []


@pytest.mark.parametrize(
    ("limit", "asked"),
    [
        (Limit(tokens=100), 1),
        (Limit(tokens=101), 2),
        (Limit(tokens=350), 4),
        (Limit(cost=150_000_000), 2),
    ],
)
async def test_a_turn_goes_on_offline_when_its_budget_is_spent(limit: Limit, asked: int) -> None:
    ledger = MemoryUsage()
    answer, model = await think(Metering(replace(OPEN, turn=limit), DOLLAR_A_TOKEN, ledger))
    assert len(model.requests) == asked
    assert answer.escalation is None
    assert "Forgot password" in answer.response
    assert [call.name for call in answer.tool_calls].count("create_ticket") == 1
    assert ledger.stopped == (["scripted"] if asked < len(SCRIPT) else [])
    assert answer.model == ("offline" if asked < len(SCRIPT) else "scripted")


@pytest.mark.parametrize(
    ("spent", "allowed"),
    [
        (DaySpent(customer=Spent(turns=2)), True),
        (DaySpent(customer=Spent(turns=3)), False),
        (DaySpent(customer=Spent(tokens=999)), True),
        (DaySpent(customer=Spent(tokens=1000)), False),
        (DaySpent(customer=Spent(cost=1000)), False),
        (DaySpent(installation=Spent(turns=9999, tokens=1999)), True),
        (DaySpent(installation=Spent(tokens=2000)), False),
        (DaySpent(installation=Spent(cost=2000)), False),
    ],
)
async def test_a_days_budget_is_looked_at_before_the_first_call(
    *, spent: DaySpent, allowed: bool
) -> None:
    budgets = Budgets(
        customer_day=Limit(turns=3, tokens=1000, cost=1000),
        installation_day=Limit(tokens=2000, cost=2000),
    )
    ledger = MemoryUsage(spent)
    answer, model = await think(Metering(budgets, PriceList(), ledger))
    assert bool(model.requests) is allowed
    assert allowed or ledger.stopped == ["scripted"]
    assert "Forgot password" in answer.response


async def test_what_the_stand_in_cannot_answer_is_recorded_as_a_spent_budget() -> None:
    ledger = MemoryUsage(DaySpent(customer=Spent(cost=10**9)))
    unknown = turn(text("Do you integrate with SAP?"))
    answer, _ = await think(Metering(ledger=ledger), given=unknown)
    assert answer.escalation is not None
    assert answer.escalation.reason is EscalationReason.BUDGET_SPENT
    alone, model = await think(Metering(ledger=ledger), fallback=False)
    assert model.requests == []
    assert alone.escalation is not None
    assert alone.escalation.reason is EscalationReason.BUDGET_SPENT


async def test_a_trigger_is_no_matter_of_budgets() -> None:
    ledger = MemoryUsage(DaySpent(customer=Spent(cost=10**9)))
    answer, _ = await think(Metering(ledger=ledger), given=turn(text("What does Pro cost?")))
    assert answer.escalation is not None
    assert answer.escalation.reason is EscalationReason.PRICING_INQUIRY
    assert ledger.day.customer.turns == 0


async def test_a_call_that_failed_is_charged_with_its_retries() -> None:
    ledger = MemoryUsage()
    failed = Usage(calls=1, retries=2, input_tokens=7)
    answer, _ = await think(Metering(ledger=ledger), ModelUnavailable("503", failed))
    assert answer.model == "offline"
    assert ledger.charged == [("scripted", failed, 0)]


async def test_a_refusal_is_charged_and_without_a_stand_in_handed_over() -> None:
    ledger = MemoryUsage()
    refused = replace(ModelReply(text="No."), usage=Usage(calls=1, output_tokens=3), declined=True)
    answer, _ = await think(Metering(ledger=ledger), refused, fallback=False)
    assert answer.escalation is not None
    assert answer.escalation.reason is EscalationReason.MODEL_FAULT
    assert ledger.day.customer.tokens == 3


def test_prices_are_per_million_and_rounded_up() -> None:
    price = Price(Decimal("0.25"), Decimal("0.025"), Decimal("2.00"))
    assert price.cost(Usage(input_tokens=1_000_000)) == 250_000
    assert price.cost(Usage(input_tokens=1_000_000, cached_input_tokens=1_000_000)) == 25_000
    assert price.cost(Usage(output_tokens=1_000_000)) == 2_000_000
    assert price.cost(Usage(input_tokens=1)) == 1
    assert price.cost(Usage(calls=1)) == 0


def test_the_shipped_list_has_the_default_model_and_its_snapshots() -> None:
    prices = load_prices()
    assert prices.price("gpt-5-mini") is not None
    assert prices.price("gpt-5-mini-2025-08-07") == prices.price("gpt-5-mini")
    assert prices.price("gpt-5-mini-tuned") is None
    assert prices.cost("somebody-elses-model", Usage(input_tokens=10**9)) == 0


@pytest.mark.parametrize(
    "content",
    [
        "[models",
        "source = 'x'",
        "models = 3",
        "[models.a]\ninput = '1'\noutput = '2'",
        "[models.a]\ninput = '-1'\ncached_input = '1'\noutput = '2'",
        "[models.a]\ninput = 'cheap'\ncached_input = '1'\noutput = '2'",
        "[models.a]\ninput = 'NaN'\ncached_input = '1'\noutput = '2'",
        "[models.a]\ninput = []\ncached_input = '1'\noutput = '2'",
    ],
)
def test_a_broken_price_list_is_named(tmp_path: Path, content: str) -> None:
    path = tmp_path / "prices.toml"
    path.write_text(content)
    with pytest.raises(PriceError, match=r"prices\.toml"):
        load_prices(path)
