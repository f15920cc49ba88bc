"""The ledger of what providers took back: the agent is told by a call, until it has stored it."""

from collections.abc import Sequence

import grpc

from chassis.database import Pool
from chassis.ledger import Ledger, LedgerTable, Row
from fte.agent.v1 import agent_service_pb2 as agent
from fte.agent.v1 import agent_service_pb2_grpc as agent_grpc

# Longer than the agent waits for its customers' actors, so that its own answer is heard.
CORRECT_SECONDS = 25.0
_TABLE = LedgerTable(
    name="delivery.corrections",
    key="intent_id",
    topic="'corrections'",
    payload="convert_to(t.correction, 'UTF8')",
)


def correction_ledger(pool: Pool, channel: grpc.aio.Channel) -> Ledger:
    """Returns the ledger that drives corrections to the agent; its answer closes them."""
    stub = agent_grpc.AgentServiceStub(channel)

    async def correct(_: str, rows: Sequence[Row]) -> None:
        request = agent.CorrectSendsRequest(
            corrections=[
                agent.SendCorrection(outbox_id=str(row.row_id), outcome=row.payload.decode())
                for row in rows
            ]
        )
        await stub.CorrectSends(request, timeout=CORRECT_SECONDS)

    return Ledger(pool, _TABLE, correct, close_on_ack=True)
