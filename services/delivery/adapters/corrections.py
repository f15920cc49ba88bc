"""The ledger of what providers took back: the agent is told by a call, until it has stored it."""

from collections.abc import Sequence

from chassis.ledger import SWEEP_SECONDS, Ledger, LedgerRows, Row
from chassis.ledger_rows import LedgerTable
from fte.agent.v1 import agent_service_pb2 as agent
from fte.agent.v1 import agent_service_pb2_grpc as agent_grpc

# Longer than the agent waits for its customers' actors, so that its own answer is heard.
CORRECT_SECONDS = 25.0
CORRECTIONS = LedgerTable(
    name="delivery.corrections",
    key="intent_id",
    topic="'corrections'",
    payload="convert_to(t.correction || E'\\n' || t.detail, 'UTF8')",
)


def correction_ledger(
    rows: LedgerRows,
    agent_service: "agent_grpc.AgentServiceAsyncStub",
    sweep_seconds: float = SWEEP_SECONDS,
) -> Ledger:
    """Returns the ledger that drives corrections to the agent; its answer closes them."""

    async def correct(_: str, driven: Sequence[Row]) -> None:
        request = agent.CorrectSendsRequest(corrections=[_correction(row) for row in driven])
        await agent_service.CorrectSends(request, timeout=CORRECT_SECONDS)

    return Ledger(rows, correct, close_on_ack=True, sweep_seconds=sweep_seconds)


def _correction(row: Row) -> agent.SendCorrection:
    outcome, _, detail = row.payload.decode().partition("\n")
    return agent.SendCorrection(outbox_id=str(row.row_id), outcome=outcome, detail=detail)
