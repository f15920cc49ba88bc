"""A host of `Customer` actors in a process of its own, with the real desk and nothing else of the agent.

python -m tests.faults.actor_host_process DAPR_GRPC_PORT TOKEN LEDGER_URL TURN_URL
"""

import asyncio
import sys

from chassis import logs
from chassis.database import open_pool
from services.agent.adapters.actor_hosting import host_actors
from services.agent.adapters.send_outcomes import SendOutcomes
from tests.faults.desks import desk


async def run(port: int, token: str, ledger_url: str, turn_url: str) -> None:
    """Hosts actors until the process is ended."""
    logs.configure("host", "INFO")
    ledger = await open_pool(ledger_url, 2, application="host")
    turns = await open_pool(turn_url, 4, application="host")
    await host_actors(port, token, desk(turns), SendOutcomes(ledger, turns))


if __name__ == "__main__":
    _, dapr_port, dapr_token, ledger_dsn, turn_dsn = sys.argv
    asyncio.run(run(int(dapr_port), dapr_token, ledger_dsn, turn_dsn))
