"""Owns `fte keys`: makes, lists, rotates and revokes the REST interface's keys in a database."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import typer
from rich.console import Console
from rich.table import Table

from devstack.environment import SUPERUSER, load_environment
from devstack.failure import StackError
from services.intake.application.api_keys import ApiKey, Scope

if TYPE_CHECKING:
    from services.intake.adapters.api_keys import PostgresApiKeys

keys = typer.Typer(help="Keys of the REST interface.", no_args_is_help=True)

Dsn = Annotated[
    str, typer.Option(help="a DSN that may write intake's tables; default: the local stack's")
]
KeyId = Annotated[UUID, typer.Argument(metavar="ID", help="the key's id, from `fte keys list`")]
Work = Callable[["PostgresApiKeys"], Awaitable[int]]


@keys.command(epilog="Example: fte keys create billing --scope customers:read --days 90")
def create(
    name: Annotated[str, typer.Argument(help="who will use it, for people to read")],
    *,
    scope: Annotated[list[Scope], typer.Option(help="what it may read; repeat for more")],
    days: Annotated[int, typer.Option(help="days until it ends; 0: never", min=0, max=3650)] = 0,
    database_url: Dsn = "",
) -> None:
    """Makes a key and prints it once: only its hash is kept."""

    async def work(store: "PostgresApiKeys") -> int:
        made, fresh = await store.create(name, scope, timedelta(days=days) if days else None)
        typer.echo(f"key {made.key_id}: keep this, it is not shown again", err=True)
        typer.echo(fresh.text)
        return 0

    _run(database_url, work)


@keys.command("list")
def show(
    *,
    as_json: Annotated[bool, typer.Option("--json", help="print one JSON document")] = False,
    database_url: Dsn = "",
) -> None:
    """Lists all keys, also those that ended."""

    async def work(store: "PostgresApiKeys") -> int:
        found = await store.list()
        if as_json:
            typer.echo(json.dumps([_as_json(key) for key in found], indent=2))
        else:
            Console().print(_table(found))
        return 0

    _run(database_url, work)


@keys.command()
def rotate(
    key_id: KeyId,
    *,
    grace_hours: Annotated[
        float, typer.Option(help="hours for which the old key still works", min=0)
    ] = 24.0,
    database_url: Dsn = "",
) -> None:
    """Makes another key with the same name and scopes, and lets the old one end a little later."""

    async def work(store: "PostgresApiKeys") -> int:
        old = await store.get(key_id)
        if old is None or _state(old) != "valid":
            return _missing(key_id)
        made, fresh = await store.create(old.name, sorted(old.scopes))
        await store.end_later(key_id, timedelta(hours=grace_hours))
        typer.echo(f"key {made.key_id} follows {key_id}, which ends in {grace_hours:g} h", err=True)
        typer.echo(fresh.text)
        return 0

    _run(database_url, work)


@keys.command()
def revoke(key_id: KeyId, *, database_url: Dsn = "") -> None:
    """Ends a key at once."""

    async def work(store: "PostgresApiKeys") -> int:
        if not await store.revoke(key_id):
            return _missing(key_id)
        typer.echo(f"revoked {key_id}", err=True)
        return 0

    _run(database_url, work)


def _run(database_url: str, work: Work) -> None:
    dsn = database_url or load_environment().database_url(SUPERUSER)
    raise typer.Exit(asyncio.run(_connected(dsn, work)))


async def _connected(dsn: str, work: Work) -> int:
    import asyncpg  # noqa: PLC0415 - slow, and no other command's

    from services.intake.adapters.api_keys import PostgresApiKeys  # noqa: PLC0415

    try:
        connection = await asyncpg.connect(dsn)
    except OSError as exc:
        raise StackError(f"no database answers: {exc}", "start it with `fte up`") from exc
    try:
        return await work(PostgresApiKeys(connection))
    finally:
        await connection.close()


def _missing(key_id: UUID) -> int:
    typer.echo(f"fte: no valid key has the id {key_id}", err=True)
    return 1


def _state(key: ApiKey) -> str:
    if key.revoke_time is not None:
        return "revoked"
    if key.expire_time is not None and key.expire_time <= datetime.now(UTC):
        return "expired"
    return "valid"


def _as_json(key: ApiKey) -> dict[str, Any]:
    return {
        "key_id": str(key.key_id),
        "name": key.name,
        "hint": key.hint,
        "scopes": sorted(key.scopes),
        "state": _state(key),
        "create_time": key.create_time.isoformat(),
        "expire_time": key.expire_time.isoformat() if key.expire_time else None,
        "last_used_time": key.last_used_time.isoformat() if key.last_used_time else None,
    }


def _table(found: Sequence[ApiKey]) -> Table:
    table = Table("id", "name", "begins", "scopes", "state", "ends", "last used")
    for key in found:
        table.add_row(
            str(key.key_id),
            key.name,
            f"{key.hint}…",
            " ".join(sorted(key.scopes)),
            _state(key),
            f"{key.expire_time:%Y-%m-%d %H:%M}" if key.expire_time else "never",
            f"{key.last_used_time:%Y-%m-%d %H:%M}" if key.last_used_time else "never",
        )
    return table
