"""A real PostgreSQL for tests: owns the fixture `database`, which any integration or contract test may use.

    from tests.integration.postgres import Database
    async def test_it(database: Database) -> None:
        pool = await open_pool(database.url("fte_identity"), 2, application="test")

`FTE_TEST_DATABASE_URL` (a superuser's address of a server with pgvector) names the server; without it the
packaged one is started on a free port. Either way the tests get a database of their own with all roles and
migrations, emptied before each test. Import the fixtures in a `conftest.py`: `database`, `database_server`.
"""

import asyncio
import functools
import os
import secrets
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import pytest

from devstack import migrations, postgres
from devstack.environment import ROLES, SUPERUSER, load_environment
from devstack.ports import Port
from tests.integration.ports import free_base

# Filled by a migration: kept as the migration left it.
_SEEDED = ("intake.channel_configs",)
_START_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Database:
    """One database; `url` gives the address for a role, `superuser` the one that may do all."""

    superuser: str
    passwords: dict[str, str]

    def url(self, role: str) -> str:
        """Returns the address for one role of the product, such as fte_identity."""
        return self.superuser.replace(
            self.superuser.split("@", 1)[0], f"postgresql://{role}:{self.passwords[role]}", 1
        )


@pytest.fixture(scope="session")
def database_server() -> Iterator[Database]:
    """Gives a migrated database on a running server, for the whole test run."""
    given = os.environ.get("FTE_TEST_DATABASE_URL")
    if given:
        yield _given_database(given)
        return
    with embedded() as database:
        yield database


@pytest.fixture
async def database(database_server: Database) -> Database:
    """Gives the database with every table empty but the seeded ones."""
    connection = await asyncpg.connect(database_server.superuser)
    try:
        await _empty(connection)
    finally:
        await connection.close()
    return database_server


@contextmanager
def embedded() -> Iterator[Database]:
    """Runs the packaged server on a free port, migrated, until the block ends."""
    home = Path(tempfile.mkdtemp(prefix="fte-test-"))
    home.chmod(0o755)  # under root the server is another user, who must reach its data
    environment = load_environment(
        {"FTE_HOME": str(home), "FTE_PORT_BASE": str(free_base([Port.POSTGRES]))}
    )
    server = postgres.prepare(environment)
    server.initialise(environment.secrets["POSTGRES_SUPERUSER"])
    log = (home / "postgres.log").open("wb")
    process = subprocess.Popen(
        # A test never survives a power cut, so nothing waits for the disk.
        [*server.command(), "-c", "fsync=off", "-c", "full_page_writes=off"],
        stdout=log, stderr=subprocess.STDOUT, cwd="/",
        user=server.account.user, group=server.account.group,
        extra_groups=server.account.extra_groups,
    )  # fmt: skip
    try:
        deadline = time.monotonic() + _START_SECONDS
        while not asyncio.run(postgres.accepts(environment)):
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError((home / "postgres.log").read_text()[-2000:])
            time.sleep(0.05)
        asyncio.run(postgres.provision(environment))
        asyncio.run(migrations.migrate(environment.database_url(SUPERUSER)))
        yield Database(
            environment.database_url(SUPERUSER),
            {role: environment.secrets[f"ROLE_{role.upper()}"] for role in ROLES},
        )
    finally:
        process.send_signal(postgres.FAST_SHUTDOWN)
        process.wait(timeout=15)
        log.close()
        postgres.remove_data(environment)
        shutil.rmtree(home)


@functools.cache
def _given_database(url: str) -> Database:
    """Makes one database for the whole process: every conftest has a fixture of its own, the roles one password."""
    return asyncio.run(_provision_given(url))


async def _provision_given(url: str) -> Database:
    """Makes a fresh database on a given server; its roles get new passwords."""
    name = f"fte_test_{secrets.token_hex(4)}"
    passwords = {role: secrets.token_hex(16) for role in ROLES}
    connection = await asyncpg.connect(url)
    try:
        present = {row[0] for row in await connection.fetch("SELECT rolname FROM pg_roles")}
        for role, password in passwords.items():
            verb = "ALTER" if role in present else "CREATE"
            await connection.execute(f"{verb} ROLE {role} LOGIN PASSWORD '{password}'")
        await connection.execute(f"CREATE DATABASE {name}")
    finally:
        await connection.close()
    own = f"{url.rsplit('/', 1)[0]}/{name}"
    connection = await asyncpg.connect(own)
    try:
        await connection.execute("CREATE EXTENSION vector SCHEMA public")
    finally:
        await connection.close()
    await migrations.migrate(own)
    return Database(own, passwords)


async def _empty(connection: "asyncpg.Connection[asyncpg.Record]") -> None:
    tables = await connection.fetch(
        "SELECT format('%I.%I', schemaname, tablename) FROM pg_tables "
        "WHERE schemaname = ANY ($1) AND format('%s.%s', schemaname, tablename) <> ALL ($2)",
        ["intake", "agent", "identity", "delivery", "metrics", "state"],
        list(_SEEDED),
    )
    await connection.execute(f"TRUNCATE {', '.join(row[0] for row in tables)} CASCADE")
