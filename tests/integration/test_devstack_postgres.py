"""The local PostgreSQL as this user: roles, migrations, what its log does not say."""

from pathlib import Path
from uuid import uuid4

import asyncpg
import pytest

from cli.ledgers import read_ledgers
from cli.trace import read_trace
from devstack import migrations
from devstack.environment import ROLES
from devstack.failure import StackError
from tests.integration.postgres import Database

FIRST = "CREATE TABLE public.planted (id integer);"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for migration in migrations.read_migrations():
        (tmp_path / migration.name).write_text(migration.sql)
    return tmp_path


async def test_every_role_comes_in_and_none_is_mighty(database: Database) -> None:
    for role in ROLES:
        connection = await asyncpg.connect(database.url(role))
        try:
            row = await connection.fetchrow(
                "SELECT rolsuper, rolbypassrls, rolcreatedb, rolcreaterole "
                "FROM pg_roles WHERE rolname = current_user"
            )
        finally:
            await connection.close()
        assert row is not None
        assert not any(row.values())


async def test_schemas_belong_to_the_role_of_their_service(database: Database) -> None:
    connection = await asyncpg.connect(database.superuser)
    try:
        rows = await connection.fetch(
            "SELECT nspname, pg_get_userbyid(nspowner) AS owner FROM pg_namespace "
            "WHERE nspname = ANY ($1)",
            ["intake", "agent", "identity", "delivery", "metrics", "state"],
        )
        owners = {row["nspname"]: row["owner"] for row in rows}
        owned = await connection.fetchval(
            "SELECT count(*) FROM pg_class WHERE pg_get_userbyid(relowner) = 'fte_turn'"
        )
    finally:
        await connection.close()
    assert owners == {name: f"fte_{name}" for name in owners}
    assert len(owners) == 6
    assert owned == 0


async def test_a_service_cannot_read_anothers_tables(database: Database) -> None:
    connection = await asyncpg.connect(database.url("fte_identity"))
    try:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.fetch("SELECT * FROM intake.inbox")
    finally:
        await connection.close()


async def test_a_second_run_applies_nothing(database: Database) -> None:
    assert await migrations.migrate(database.superuser) == []
    assert not await migrations.check(database.superuser)


async def test_a_new_file_is_missing_until_it_is_applied(database: Database, folder: Path) -> None:
    (folder / "9001_planted.sql").write_text(FIRST)
    difference = await migrations.check(database.superuser, folder)
    assert difference.missing == ("9001_planted.sql",)
    try:
        assert await migrations.migrate(database.superuser, folder) == ["9001_planted.sql"]
        assert not await migrations.check(database.superuser, folder)
        (folder / "9001_planted.sql").write_text(FIRST + " -- changed")
        difference = await migrations.check(database.superuser, folder)
        assert difference.changed == ("9001_planted.sql",)
        with pytest.raises(StackError, match="9001_planted"):
            await migrations.migrate(database.superuser, folder)
    finally:
        await _forget(database, "9001_planted.sql", "DROP TABLE public.planted")


async def test_a_failing_file_leaves_no_trace(database: Database, folder: Path) -> None:
    (folder / "9002_broken.sql").write_text("CREATE TABLE public.half (id integer); SELECT 1/0;")
    with pytest.raises(StackError, match="9002_broken"):
        await migrations.migrate(database.superuser, folder)
    difference = await migrations.check(database.superuser, folder)
    assert difference.missing == ("9002_broken.sql",)
    connection = await asyncpg.connect(database.superuser)
    try:
        assert await connection.fetchval("SELECT to_regclass('public.half')") is None
    finally:
        await connection.close()


async def test_errors_in_the_log_show_no_words(database: Database) -> None:
    # The settings, because the log itself belongs to the server that is tested against.
    connection = await asyncpg.connect(database.superuser)
    try:
        verbosity = await connection.fetchval("SHOW log_error_verbosity")
        length = await connection.fetchval("SHOW log_parameter_max_length_on_error")
        statement = await connection.fetchval("SHOW log_min_error_statement")
    finally:
        await connection.close()
    assert (verbosity, length, statement) == ("terse", "0", "panic")


async def test_the_questions_of_the_command_line_fit_the_tables(database: Database) -> None:
    ledgers = await read_ledgers(database.superuser)
    assert ledgers.as_json() == {
        "inbox": {"open": 0, "oldest_seconds": 0.0, "outcomes": {}},
        "outbox": {"open": 0, "oldest_seconds": 0.0, "outcomes": {}},
        "intents": {"states": {}},
    }
    assert await read_trace(database.superuser, str(uuid4())) is None
    assert await read_trace(database.superuser, "T-0000-0000") is None


async def test_a_message_is_traced_from_its_inbox_row_on(database: Database) -> None:
    connection = await asyncpg.connect(database.superuser)
    try:
        handle = await connection.fetchval(
            "INSERT INTO intake.handles (type, value) VALUES ('phone', '+15550100') "
            "RETURNING handle_id"
        )
        inbox_id = await connection.fetchval(
            "INSERT INTO intake.inbox (kind, channel, account, provider_id, handle_id, content, raw)"
            " VALUES ('message', 'whatsapp', 'AC', 'SM1', $1, 'hello there', 'hello there') "
            "RETURNING inbox_id",
            handle,
        )
        await connection.execute(
            "INSERT INTO intake.inbox_order VALUES ($1, 1, $2)", handle, inbox_id
        )
        await connection.execute(
            "UPDATE intake.inbox SET state = 'settled', outcome = 'answered', "
            "stored_time = now(), settle_time = now()"
        )
    finally:
        await connection.close()
    trace = await read_trace(database.superuser, str(inbox_id))
    assert trace
    steps = [step.step for step in trace.steps]
    assert steps[0] == "accepted"
    assert {"receipt: stored", "receipt: settled"} <= set(steps)
    assert "hello" not in str(trace.as_json())
    ledgers = await read_ledgers(database.superuser)
    assert ledgers.inbox.outcomes == {"answered": 1}


async def _forget(database: Database, name: str, undo: str) -> None:
    connection = await asyncpg.connect(database.superuser)
    try:
        await connection.execute(undo)
        await connection.execute("DELETE FROM public.schema_migrations WHERE name = $1", name)
    finally:
        await connection.close()
