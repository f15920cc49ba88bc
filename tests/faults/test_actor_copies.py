"""Two live copies of one customer's actor, in two hosts whose sidecars each have a placement of their own.

Both believe that they hold the customer; one database and one state store lie behind both. The fence decides.
"""

import asyncio
import os
import random
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import asyncpg
import pytest
from dapr.proto import api_v1

from chassis.database import open_pool
from chassis.sidecar import Sidecar
from devstack import sidecars
from devstack.environment import load_environment
from devstack.ports import Port
from devstack.runtime import installed_runtime
from services.agent.adapters.customer_actor import ACTOR_TYPE
from services.agent.adapters.customer_client import ActorClient
from services.agent.adapters.inbound import InboundStore, Owned
from services.agent.application.runner import Head
from services.agent.domain.turn import Side, Turn
from tests.integration.agent_world import CUSTOMER, message
from tests.integration.mesh import Mesh, eventually
from tests.integration.ports import free_base
from tests.integration.postgres import Database
from tests.unit.agent.turns import answer

# Two sidecars and their hosts come up in each test.
pytestmark = pytest.mark.timeout(300)

HEAD = Head(CUSTOMER, Side.VERIFIED)
ROUNDS = 20


@dataclass
class Copy:
    """One host with its sidecar and its placement, and the way to its actor."""

    name: str
    mesh: Mesh
    sidecar: Sidecar
    customers: ActorClient

    async def begin(self) -> Turn | None:
        return await self.customers.begin(HEAD, f"{self.name}/1")

    async def begun(self) -> Turn:
        turn = await self.begin()
        assert turn is not None
        return turn

    async def commit(self, turn: Turn) -> bool:
        return await self.customers.commit_answer(turn, answer(sentiments=(0.0,) * len(turn.batch)))

    async def start_host(self) -> None:
        environment, database = self.mesh.environment, self.mesh.database
        self.mesh._run(
            "host",
            (
                sys.executable, "-m", "tests.faults.actor_host_process",
                str(environment.ports.of("agent", "DAPR_GRPC")),
                environment.secrets["DAPR_API_TOKEN"],
                database.url("fte_agent"), database.url("fte_turn"),
            ),
            environment.service("agent"),
        )  # fmt: skip
        await eventually(self.is_hosting, f"{self.name} hosts actors")

    async def is_hosting(self) -> bool:
        found = await self.sidecar.dapr.GetMetadata(api_v1.GetMetadataRequest())
        return bool(found.actor_runtime.host_ready) and ACTOR_TYPE in {
            each.type for each in found.actor_runtime.active_actors
        }

    async def actors(self) -> int:
        """Returns how many actors this copy's sidecar holds."""
        found = await self.sidecar.dapr.GetMetadata(api_v1.GetMetadataRequest())
        return sum(int(each.count) for each in found.actor_runtime.active_actors)


@dataclass
class World:
    """Both copies, and what lies behind them."""

    one: Copy
    two: Copy
    inbound: InboundStore
    look: "asyncpg.Connection[asyncpg.Record]"
    stored: int = 0

    async def write(self, text: str) -> None:
        self.stored += 1
        await self.inbound.store([Owned(message(text, self.stored), CUSTOMER)])

    async def expire_lease(self) -> None:
        await self.look.execute("UPDATE agent.heads SET lease_time = now() - interval '1 s'")

    async def state(self, turn: Turn) -> str:
        return str(
            await self.look.fetchval(
                "SELECT state FROM agent.turns WHERE turn_id = $1", turn.turn_id
            )
        )

    async def check(self) -> None:
        """Every message was answered by one turn, and its answer is to be sent once, in order."""
        unanswered = (
            "SELECT count(*) FROM agent.messages WHERE direction = 'inbound' AND outcome IS NULL"
        )
        assert await self.look.fetchval(unanswered) == 0
        sequence = await self.look.fetch("SELECT send_seq FROM agent.outbox ORDER BY send_seq")
        assert [record["send_seq"] for record in sequence] == list(range(1, self.stored + 1))
        committed = "SELECT count(*) FROM agent.turns WHERE state = 'committed'"
        assert await self.look.fetchval(committed) == self.stored
        assert await self.look.fetchval("SELECT version FROM agent.heads") == self.stored


@asynccontextmanager
async def started_copy(name: str, database: Database) -> AsyncIterator[Copy]:
    runtime = installed_runtime(os.environ)
    if runtime is None:
        pytest.skip("no Dapr runtime: set DAPR_RUNTIME_DIR or run `make runtime`")
    home = Path(tempfile.mkdtemp(prefix="fte-copy-"))
    environment = load_environment(
        {**os.environ, "FTE_HOME": str(home), "FTE_PORT_BASE": str(free_base())}
    )
    mesh = Mesh(environment, database, runtime, {})
    sidecar = Sidecar(
        environment.ports.of("agent", "DAPR_GRPC"), environment.secrets["DAPR_API_TOKEN"]
    )
    copy = Copy(name, mesh, sidecar, ActorClient(sidecar))
    try:
        mesh._run("placement", sidecars.placement(environment, runtime), dict(os.environ))
        await mesh._listens("placement", environment.ports[Port.PLACEMENT])
        command = sidecars.sidecar(environment, runtime, "agent", "nats")
        unwanted = ("--app-", "--scheduler", "--resources-path=")
        mesh._run(
            "sidecar",
            [
                *(part for part in command if not part.startswith(unwanted)),
                "--app-id=agent",
                # The actor stream comes over the sidecar's own port; no broker and no scheduler is needed.
                *(part for part in command if part.endswith("components/shared")),
            ],
            {**environment.sidecar("agent"), "FTE_STATE_DATABASE_URL": database.url("fte_state")},
        )
        await mesh._listens("sidecar", environment.ports.of("agent", "DAPR_GRPC"))
        await copy.start_host()
        yield copy
    except BaseException:
        for process in mesh.processes:
            sys.stderr.write(f"== {name} {process}\n{mesh.log(process)[-3000:]}\n")
        raise
    finally:
        await sidecar.close()
        for running in mesh.processes.values():
            running.kill()
        for running in mesh.processes.values():
            running.wait()
        shutil.rmtree(home)


@asynccontextmanager
async def two_copies(database: Database) -> AsyncIterator[World]:
    ledger = await open_pool(database.url("fte_agent"), 2, application="test")
    look = await asyncpg.connect(database.superuser)
    none = timedelta(0)
    try:
        async with started_copy("one", database) as one, started_copy("two", database) as two:
            yield World(one, two, InboundStore(ledger, none, none), look)
    finally:
        await look.close()
        await ledger.close()


def said(turn: Turn) -> list[str]:
    """Returns what the turn knows of the customer's earlier words."""
    return [line.content for line in turn.history if line.role == "customer"]


async def test_the_second_writer_is_refused_and_its_memory_is_not_believed(
    database: Database,
) -> None:
    async with two_copies(database) as w:
        await w.write("first")
        stale = await w.one.begun()
        await w.expire_lease()
        fresh = await w.two.begun()
        # Both hold the same customer, and both have been handed the same batch.
        assert (await w.one.actors(), await w.two.actors()) == (1, 1)
        assert [m.message_id for m in stale.batch] == [m.message_id for m in fresh.batch]
        assert await w.two.commit(fresh)
        assert not await w.one.commit(stale)
        assert (await w.state(stale), await w.state(fresh)) == ("void", "committed")
        await w.check()

        # The first copy remembers the state before the commit that it missed.
        await w.write("second")
        turn = await w.one.begun()
        assert said(turn) == ["first"]
        assert await w.one.commit(turn)
        # Now the second copy has missed one.
        await w.write("third")
        turn = await w.two.begun()
        assert said(turn) == ["first", "second"]
        assert await w.two.commit(turn)
        await w.check()


async def test_a_snapshot_that_a_late_copy_has_overwritten_is_not_believed(
    database: Database,
) -> None:
    async with two_copies(database) as w:
        for text, copy in (("first", w.one), ("second", w.two)):
            await w.write(text)
            assert await copy.commit(await copy.begun())
            if copy is w.one:
                old = await w.look.fetch("SELECT key, value FROM state.state")
        assert len(old) == 1
        await w.look.execute(
            "UPDATE state.state SET value = $2 WHERE key = $1", old[0]["key"], old[0]["value"]
        )
        # A new host has nothing in memory and reads the snapshot.
        w.one.mesh.kill("host")

        async def gone() -> bool:
            return not await w.one.is_hosting()

        await eventually(gone, "the sidecar has noticed")
        await w.one.start_host()
        await w.write("third")
        turn = await w.one.begun()
        assert said(turn) == ["first", "second"]
        assert await w.one.commit(turn)
        await w.check()


async def test_of_two_copies_that_commit_at_once_one_counts(database: Database) -> None:
    order = random.Random(1)
    async with two_copies(database) as w:
        for number in range(1, ROUNDS + 1):
            await w.write(f"message {number}")
            first, second = order.sample((w.one, w.two), 2)
            begun = await asyncio.gather(first.begin(), second.begin())
            assert sum(turn is not None for turn in begun) == 1, "one lease"
            await w.expire_lease()
            holder, other = (first, second) if begun[0] else (second, first)
            stale = begun[0] or begun[1]
            assert stale is not None
            fresh = await other.begun()
            committed = await asyncio.gather(
                holder.commit(stale), other.commit(fresh), other.commit(fresh)
            )
            assert not committed[0]
            assert sorted(committed[1:]) == [False, True]
            assert said(fresh) == [f"message {n}" for n in range(1, number)][-len(said(fresh)) :]
        await w.check()
