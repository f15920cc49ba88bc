"""A database that is away: before the effect nothing is done, after it everything, and the caller hears the same."""

import random
from dataclasses import dataclass, field

import asyncpg
import pytest

from chassis.database import open_pool
from chassis.ledger import Row
from services.delivery.adapters.intent_store import PostgresIntentStore
from services.delivery.application.ports import StoreAway
from services.delivery.domain.intent import Channel, State
from tests.contract.ports.passing_time import Clock
from tests.contract.ports.test_inbox import message
from tests.faults.simulation.memory_inbox import MemoryInbox
from tests.faults.simulation.memory_inbox_rows import InboxInMemory
from tests.faults.simulation.memory_intent_rows import IntentsInMemory
from tests.faults.simulation.memory_intents import MemoryIntentStore
from tests.integration.delivery_world import intent
from tests.integration.postgres import Database

ROOM = {Channel.EMAIL: 1}


@dataclass
class Away:
    """Fails at one moment of one call; `passed` remembers all moments."""

    fails: str = ""
    passed: list[str] = field(default_factory=list)

    async def request(self, name: str) -> None:
        self._pass(f"{name} request")

    async def response(self, name: str) -> None:
        self._pass(f"{name} response")

    def _pass(self, moment: str) -> None:
        self.passed.append(moment)
        if moment == self.fails:
            raise asyncpg.ConnectionDoesNotExistError("gone")


@pytest.mark.parametrize(
    ("moment", "state"), [("request", State.PENDING), ("response", State.ATTEMPTING)]
)
async def test_a_claim_stands_if_only_its_answer_is_lost(moment: str, state: State) -> None:
    rows = IntentsInMemory(Clock(), random.Random(1))
    io = Away()
    store = MemoryIntentStore(rows, io, 30)
    mail = intent()
    await store.insert([(mail, "")])
    io.fails = f"delivery.intents.claim {moment}"
    with pytest.raises(StoreAway):
        await store.claim(ROOM, "delivery-0", 20)
    assert rows.rows[mail.intent_id].state is state
    assert io.passed[:2] == ["delivery.intents.insert request", "delivery.intents.insert response"]


@pytest.mark.parametrize(("moment", "rows_made"), [("request", 0), ("response", 1)])
async def test_a_message_stands_if_only_its_answer_is_lost(moment: str, rows_made: int) -> None:
    rows = InboxInMemory(Clock(), random.Random(1))
    hints: list[Row] = []
    io = Away(f"intake.inbox.accept {moment}")
    with pytest.raises(asyncpg.ConnectionDoesNotExistError):
        await MemoryInbox(rows, io, hints.extend).accept(message("m"))
    # The row is driven even if no hint names it.
    assert (len(rows.rows), len(rows.ledger.unsettled), hints) == (rows_made, rows_made, [])
    again = await MemoryInbox(rows, Away(), hints.extend).accept(message("m"))
    assert (again.is_new, again.inbox_seq, len(hints)) == (not rows_made, 1, 1 - rows_made)


async def test_a_closed_pool_is_a_store_that_is_away(database: Database) -> None:
    pool = await open_pool(database.url("fte_delivery"), 1, application="test")
    await pool.close()
    with pytest.raises(StoreAway):
        await PostgresIntentStore(pool, 30).claim(ROOM, "delivery-0", 20)
