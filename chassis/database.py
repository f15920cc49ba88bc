"""Small Postgres pools whose errors carry no row contents."""

from typing import TypeAlias

import asyncpg

Pool: TypeAlias = "asyncpg.Pool[asyncpg.Record]"
Connection: TypeAlias = "asyncpg.pool.PoolConnectionProxy[asyncpg.Record]"

# Its own text of an error ends with the server's detail, and that quotes rows: "Key (value)=(…) exists". So an
# error says what happened; `detail` stays for code that asks for it.
asyncpg.PostgresError.__str__ = BaseException.__str__  # type: ignore[method-assign]

# What asyncpg raises when the server is away, going away, full or busy, as opposed to a wrong statement.
AWAY: tuple[type[BaseException], ...] = (
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.TooManyConnectionsError,
    asyncpg.QueryCanceledError,
    asyncpg.DeadlockDetectedError,
    asyncpg.IdleInTransactionSessionTimeoutError,
    OSError,
    TimeoutError,
)


# A process that is stopped in the middle of a transaction keeps its row locks, and everybody who wants those rows
# waits. After so long the server ends the session, which frees them; whoever wakes then finds its connection gone.
IDLE_IN_TRANSACTION_SECONDS = 5


async def _keep(_: "asyncpg.Connection[asyncpg.Record]") -> None:
    """Resets nothing when a connection goes back: settings are made with SET LOCAL only, nobody listens or locks.

    The driver's own reset costs four statements for each use.
    """


async def open_pool(dsn: str, size: int, *, application: str) -> Pool:
    """Opens a pool of at most `size` connections; it retries nothing, the process restarts instead."""
    return await asyncpg.create_pool(
        dsn,
        min_size=1,
        max_size=size,
        command_timeout=15,
        timeout=5,
        reset=_keep,
        server_settings={
            "application_name": application,
            "statement_timeout": "15000",
            "idle_in_transaction_session_timeout": f"{IDLE_IN_TRANSACTION_SECONDS}s",
        },
    )
