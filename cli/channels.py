"""Owns `fte channels`: shows the channels' switches and what waits on each, and moves a switch."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Final

import typer
from rich.console import Console
from rich.table import Table

from devstack.environment import SUPERUSER, load_environment
from devstack.failure import StackError

if TYPE_CHECKING:
    import asyncpg


class Channel(StrEnum):
    """The channels that can be switched."""

    EMAIL = "email"
    WHATSAPP = "whatsapp"
    WEB_FORM = "web_form"


channels = typer.Typer(
    help="The channels' switches: one that is off sends nothing, and what is to go out waits.",
    no_args_is_help=True,
)

Dsn = Annotated[
    str,
    typer.Option(
        help="a DSN that may read and write the services' tables; default: the local stack's"
    ),
]

_STATES: Final = """
SELECT c.channel, c.enabled, count(i.intent_id) AS waiting,
       extract(epoch FROM now() - min(i.create_time))::float AS oldest_seconds
FROM intake.channel_configs c
LEFT JOIN delivery.intents i ON i.channel = c.channel AND i.state IN ('PENDING', 'ATTEMPTING', 'UNKNOWN')
GROUP BY c.channel, c.enabled ORDER BY c.channel
"""
_MOVE: Final = (
    "UPDATE intake.channel_configs SET enabled = $2, update_time = now() WHERE channel = $1"
)


@dataclass(frozen=True, slots=True)
class ChannelRow:
    """One channel's switch and backlog; the age is absent when nothing waits."""

    channel: str
    enabled: bool
    waiting: int
    oldest_seconds: float | None


@channels.command("list")
def show(
    *,
    as_json: Annotated[bool, typer.Option("--json", help="print one JSON document")] = False,
    database_url: Dsn = "",
) -> None:
    """Shows every channel's switch and what it has not sent yet."""
    rows = asyncio.run(_states(_dsn(database_url)))
    if as_json:
        typer.echo(json.dumps([asdict(row) for row in rows], indent=2))
        return
    table = Table("channel", "sends", "waiting", "oldest")
    for row in rows:
        oldest = "" if row.oldest_seconds is None else f"{row.oldest_seconds:.0f} s"
        table.add_row(row.channel, "yes" if row.enabled else "no", str(row.waiting), oldest)
    Console().print(table)


@channels.command()
def enable(channel: Channel, *, database_url: Dsn = "") -> None:
    """Lets a channel send again: what waits leaves in order, within seconds."""
    asyncio.run(_move(_dsn(database_url), channel, enabled=True))


@channels.command()
def disable(channel: Channel, *, database_url: Dsn = "") -> None:
    """Lets a channel send nothing from within seconds on; what comes in is still kept and worked on."""
    asyncio.run(_move(_dsn(database_url), channel, enabled=False))


def _dsn(given: str) -> str:
    return given or load_environment().database_url(SUPERUSER)


async def _states(dsn: str) -> Sequence[ChannelRow]:
    async with _database(dsn) as connection:
        return [ChannelRow(**dict(row)) for row in await connection.fetch(_STATES)]


async def _move(dsn: str, channel: Channel, *, enabled: bool) -> None:
    async with _database(dsn) as connection:
        await connection.execute(_MOVE, channel.value, enabled)
    typer.echo(f"{channel.value} is {'on' if enabled else 'off'}", err=True)


@asynccontextmanager
async def _database(dsn: str) -> "AsyncIterator[asyncpg.Connection[asyncpg.Record]]":
    import asyncpg  # noqa: PLC0415 - slow, and no other command's

    try:
        connection = await asyncpg.connect(dsn)
    except OSError as exc:
        raise StackError(f"no database answers: {exc}", "start it with `fte up`") from exc
    try:
        yield connection
    finally:
        await connection.close()
