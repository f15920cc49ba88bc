"""API keys on a real Postgres: kept as hashes, valid until they end, found only whole."""

from collections.abc import AsyncIterator
from datetime import timedelta

import asyncpg
import pytest

from chassis.database import Pool, open_pool
from services.intake.adapters.api_keys import PostgresApiKeys
from services.intake.application.api_keys import Scope, new_key
from tests.integration.postgres import Database

READ = [Scope.CUSTOMERS, Scope.METRICS]


@pytest.fixture
async def pool(database: Database) -> AsyncIterator[Pool]:
    pool = await open_pool(database.url("fte_intake"), 4, application="test")
    yield pool
    await pool.close()


@pytest.fixture
def keys(pool: Pool) -> PostgresApiKeys:
    return PostgresApiKeys(pool)


async def test_a_key_names_its_holder_and_scopes(keys: PostgresApiKeys) -> None:
    made, fresh = await keys.create("reports", READ)
    holder = await keys.holder(fresh.text)
    assert holder is not None
    assert holder.key_id == made.key_id
    assert set(holder.scopes) == {"customers:read", "metrics:read"}
    other, _ = await keys.create("reports", READ)
    assert other.key_id != made.key_id


async def test_no_text_of_a_key_is_in_the_database(keys: PostgresApiKeys, pool: Pool) -> None:
    made, fresh = await keys.create("reports", READ)
    row = await pool.fetchval("SELECT api_keys::text FROM intake.api_keys")
    assert fresh.text not in row
    assert fresh.text[len(made.hint) :] not in row
    assert len(made.hint) == 8


@pytest.mark.parametrize("change", ["", "x", "cut", "upper", "nul", "long"])
async def test_only_the_whole_key_is_one(keys: PostgresApiKeys, change: str) -> None:
    _, fresh = await keys.create("reports", READ)
    text = fresh.text
    wrong = {
        "": "", "x": text + "x", "cut": text[:-1], "upper": text.upper(),
        "nul": text + "\0", "long": text + "x" * 10_000,
    }  # fmt: skip
    assert await keys.holder(wrong[change]) is None
    assert await keys.holder(new_key().text) is None


async def test_a_revoked_key_ends_at_once(keys: PostgresApiKeys) -> None:
    made, fresh = await keys.create("reports", READ)
    assert await keys.revoke(made.key_id)
    assert await keys.holder(fresh.text) is None
    assert not await keys.revoke(made.key_id)


async def test_a_key_ends_with_its_time(keys: PostgresApiKeys, pool: Pool) -> None:
    _, fresh = await keys.create("reports", READ, timedelta(days=1))
    assert await keys.holder(fresh.text) is not None
    await pool.execute("UPDATE intake.api_keys SET expire_time = now()")
    assert await keys.holder(fresh.text) is None


async def test_a_grace_ends_a_key_later_and_never_later_than_before(
    keys: PostgresApiKeys,
) -> None:
    made, fresh = await keys.create("reports", READ)
    await keys.end_later(made.key_id, timedelta(hours=1))
    assert await keys.holder(fresh.text) is not None
    first = (await keys.list())[0].expire_time
    await keys.end_later(made.key_id, timedelta(hours=5))
    assert (await keys.list())[0].expire_time == first
    await keys.end_later(made.key_id, timedelta())
    assert await keys.holder(fresh.text) is None


async def test_the_last_use_is_noted_to_the_minute(keys: PostgresApiKeys, pool: Pool) -> None:
    _, fresh = await keys.create("reports", READ)
    assert (await keys.list())[0].last_used_time is None
    await keys.holder(fresh.text)
    used = (await keys.list())[0].last_used_time
    await keys.holder(fresh.text)
    assert used is not None
    assert (await keys.list())[0].last_used_time == used
    await pool.execute("UPDATE intake.api_keys SET last_used_time = now() - interval '2 minutes'")
    await keys.holder(fresh.text)
    assert (await keys.list())[0].last_used_time >= used  # type: ignore[operator]


async def test_the_local_key_is_one_at_a_time(keys: PostgresApiKeys) -> None:
    other, fresh = await keys.create("reports", READ)
    for text in ("first-local-key", "second-local-key", "second-local-key"):
        await keys.ensure("local", text, tuple(Scope))
    assert await keys.holder("first-local-key") is None
    holder = await keys.holder("second-local-key")
    assert holder is not None
    assert holder.scopes == {scope.value for scope in Scope}
    assert [key.name for key in await keys.list()].count("local") == 1
    assert (await keys.holder(fresh.text)) is not None
    assert other.key_id in {key.key_id for key in await keys.list()}


async def test_a_key_without_a_scope_cannot_be_made(keys: PostgresApiKeys) -> None:
    with pytest.raises(asyncpg.CheckViolationError):
        await keys.create("nothing", [])
