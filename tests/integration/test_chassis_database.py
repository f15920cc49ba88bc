"""The pool on a real Postgres: a process that stands still frees what it holds."""

import asyncio
import signal
import subprocess
import sys
from collections.abc import AsyncIterator

import pytest

from chassis.database import IDLE_IN_TRANSACTION_SECONDS, Pool, open_pool
from tests.integration.postgres import Database

# Locks a row inside a transaction, says so, and stays there until it is stopped and woken.
HOLDER = """
import asyncio, sys
from chassis.database import AWAY, open_pool

async def hold():
    pool = await open_pool(sys.argv[1], 1, application="holder")
    try:
        async with pool.acquire() as connection, connection.transaction():
            await connection.execute("UPDATE identity.metric_facts SET attempts = 1")
            print("holds", flush=True)
            await asyncio.to_thread(sys.stdin.readline)
            await connection.execute("UPDATE identity.metric_facts SET attempts = 2")
    except AWAY as error:
        print("caught", type(error).__name__, flush=True)
    print(await pool.fetchval("SELECT 'goes on'"), flush=True)

asyncio.run(hold())
"""


@pytest.fixture
async def pool(database: Database) -> AsyncIterator[Pool]:
    opened = await open_pool(database.url("fte_identity"), 2, application="test")
    yield opened
    await opened.close()


async def test_a_stopped_process_frees_its_rows_and_finds_its_database_away(
    database: Database, pool: Pool
) -> None:
    await pool.execute("INSERT INTO identity.metric_facts (payload) VALUES ('fact')")
    holder = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        HOLDER,
        database.url("fte_identity"),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert holder.stdout is not None
    try:
        assert await holder.stdout.readline() == b"holds\n"
        holder.send_signal(signal.SIGSTOP)
        async with asyncio.timeout(IDLE_IN_TRANSACTION_SECONDS + 5):
            await pool.execute("UPDATE identity.metric_facts SET attempts = 7")
        holder.send_signal(signal.SIGCONT)
        said = (await holder.communicate(b"\n"))[0].decode()
    finally:
        if holder.returncode is None:
            holder.kill()
    # Whatever the driver raises, the holder caught it as one of AWAY and works on with a new connection.
    assert [line.split()[0] for line in said.splitlines()] == ["caught", "goes"]
    assert await pool.fetchval("SELECT attempts FROM identity.metric_facts") == 7
