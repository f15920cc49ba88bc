"""Owns what the benchmark counts beside time: CPU by process, SQL, fsyncs, WAL, sidecar crossings."""

import asyncio
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

import asyncpg
import httpx
import psutil

from cli.status import read_status
from devstack.environment import SUPERUSER, Environment
from devstack.ports import LOOPBACK, SERVICES

_SAMPLE: Final = re.compile(r"(?P<name>[a-zA-Z_:]+)\{(?P<labels>[^}]*)\} (?P<value>\S+)")
_LABEL: Final = re.compile(r'(\w+)="([^"]*)"')

# Calls that the app makes to its own sidecar by Dapr's API, and calls to other services, which the
# caller's sidecar counts under their own name and the far sidecar hands to its app uncounted.
_DAPR: Final = "/dapr.proto.runtime.v1.Dapr/"
_PROXIED: Final = "/fte."
# Health questions and the streams that stay open are no part of a message's way.
_NO_CROSSING: Final = re.compile(r"/(GetMetadata|SubscribeActorEventsAlpha1|HealthCheck)$")

_STATEMENTS: Final = """
    SELECT r.rolname AS role, sum(s.calls)::bigint AS calls
    FROM pg_stat_statements AS s JOIN pg_roles AS r ON r.oid = s.userid
    JOIN pg_database AS d ON d.oid = s.dbid
    WHERE d.datname = current_database() AND r.rolname LIKE 'fte\\_%' GROUP BY 1
"""
# Postgres 18 counts the fsyncs of the write-ahead log here.
_FSYNCS: Final = "SELECT coalesce(sum(fsyncs), 0)::bigint FROM pg_stat_io WHERE object = 'wal'"
_WAL: Final = "SELECT (pg_current_wal_insert_lsn() - '0/0')::bigint"


@dataclass(frozen=True, slots=True)
class Counters:
    """Holds counts since some beginning; only differences mean anything."""

    cpu_seconds: dict[str, float]  # by part
    statements: Counter[str]  # by database role
    crossings: Counter[str]  # by what crosses
    fsyncs: int
    wal_bytes: int

    def since(self, before: "Counters") -> "Counters":
        """Returns what was added after an earlier reading."""
        return Counters(
            {
                name: seconds - before.cpu_seconds.get(name, 0.0)
                for name, seconds in self.cpu_seconds.items()
            },
            _difference(self.statements, before.statements),
            _difference(self.crossings, before.crossings),
            self.fsyncs - before.fsyncs,
            self.wal_bytes - before.wal_bytes,
        )


async def read_counters(environment: Environment) -> Counters:
    """Reads every counter of a running stack; takes some tens of milliseconds."""
    statements, fsyncs, wal_bytes = await _database(environment)
    return Counters(
        cpu_seconds=await _cpu(environment),
        statements=statements,
        crossings=await _crossings(environment),
        fsyncs=fsyncs,
        wal_bytes=wal_bytes,
    )


async def _database(environment: Environment) -> tuple[Counter[str], int, int]:
    connection = await asyncpg.connect(environment.database_url(SUPERUSER), timeout=10)
    try:
        rows = await connection.fetch(_STATEMENTS)
        statements = Counter({row["role"]: int(row["calls"]) for row in rows})
        return (
            statements,
            await connection.fetchval(_FSYNCS),
            await connection.fetchval(_WAL),
        )
    finally:
        await connection.close()


async def _cpu(environment: Environment) -> dict[str, float]:
    parts = (await read_status(environment)).parts
    spent: dict[str, float] = {}
    for part in parts:
        process = part.process.find() if part.process else None
        if process:
            spent[part.name] = _with_children(process)
    own = psutil.Process().cpu_times()
    spent["load generator"] = own.user + own.system
    return spent


def _with_children(process: psutil.Process) -> float:
    # A server's workers come and go: those that went are in its own account of children.
    times = process.cpu_times()
    total = times.user + times.system + times.children_user + times.children_system
    for child in process.children(recursive=True):
        try:
            of_child = child.cpu_times()
        except psutil.NoSuchProcess:
            continue
        total += of_child.user + of_child.system
    return total


async def _crossings(environment: Environment) -> Counter[str]:
    async with httpx.AsyncClient(trust_env=False, timeout=5) as client:
        ports = [environment.ports.of(name, "DAPR_METRICS") for name in SERVICES]
        pages = await asyncio.gather(
            *(client.get(f"http://{LOOPBACK}:{port}/metrics") for port in ports)
        )
    crossings: Counter[str] = Counter()
    for page in pages:
        for name, labels, value in _samples(page.text.splitlines()):
            for what in _crossings_of(name, labels):
                crossings[what] += value
    return crossings


def _samples(lines: Iterable[str]) -> Iterator[tuple[str, dict[str, str], int]]:
    for line in lines:
        if match := _SAMPLE.fullmatch(line):
            labels = dict(_LABEL.findall(match["labels"]))
            yield match["name"], labels, int(float(match["value"]))


def _crossings_of(name: str, labels: dict[str, str]) -> Iterator[str]:
    """Names the crossings that a sample counts, if any."""
    if name == "dapr_component_pubsub_ingress_count":
        yield "sidecar to app: topic event"
    method = labels.get("grpc_server_method", "")
    short = method.rpartition("/")[2]
    if name != "dapr_grpc_io_server_completed_rpcs" or _NO_CROSSING.search(method):
        return
    if method.startswith((_DAPR, _PROXIED)):
        yield f"app to sidecar: {short}"
    if method.startswith(_PROXIED):
        yield f"sidecar to app: {short}"
    if short == "InvokeActor":
        # The sidecar hands the call back to the app, on a stream that is not counted by calls.
        yield "sidecar to app: actor method"


def _difference(now: Counter[str], before: Counter[str]) -> Counter[str]:
    return Counter({name: value - before[name] for name, value in now.items()})
