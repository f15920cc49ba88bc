"""The other services, by service invocation: the agent owns content, intake owns statuses."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import structlog

from chassis.errors import ServiceError
from chassis.interceptors import violations_of
from fte.agent.v1 import agent_service_pb2 as agent
from fte.agent.v1 import agent_service_pb2_grpc as agent_grpc
from fte.intake.v1 import intake_service_pb2 as intake
from fte.intake.v1 import intake_service_pb2_grpc as intake_grpc
from services.delivery.adapters import mapping
from services.delivery.application.ports import ContentAway, Reported
from services.delivery.domain.intent import Intent

# A topic handler must be done within a second or so: the events behind it wait.
FETCH_SECONDS = 2.0

log = structlog.get_logger(__name__)


class AgentContent:
    """Fetches what is to be sent."""

    def __init__(self, agent_service: "agent_grpc.AgentServiceAsyncStub") -> None:
        self._agent = agent_service

    async def fetch(self, row_ids: Sequence[UUID]) -> Sequence[tuple[Intent, str]]:
        """Returns intents with a reason if the content is unusable; raises `Unavailable`."""
        response: agent.FetchOutboundResponse = await self._agent.FetchOutbound(
            agent.FetchOutboundRequest(outbox_ids=[str(row_id) for row_id in row_ids]),
            timeout=FETCH_SECONDS,
        )
        found: list[tuple[Intent, str]] = []
        for message in response.messages:
            if mapping.unusable(message):
                log.error("content cannot be stored", outbox_id=message.outbox_id)
                continue
            wrong = [violation.field for violation in violations_of(message)]
            reason = f"invalid_content:{wrong[0]}" if wrong else ""
            found.append((mapping.intent_of(message), reason))
        return found

    async def window_end(self, row_id: UUID) -> datetime | None:
        """Returns until when free text may go to the row's recipient; raises `ContentAway`."""
        try:
            response: agent.FetchOutboundResponse = await self._agent.FetchOutbound(
                agent.FetchOutboundRequest(outbox_ids=[str(row_id)]), timeout=FETCH_SECONDS
            )
        except ServiceError as error:
            raise ContentAway(error.message) from error
        ends = [mapping.window_end(message) for message in response.messages]
        return ends[0] if ends else None


class IntakeStatuses:
    """Fetches what providers said."""

    def __init__(self, intake_service: "intake_grpc.IntakeServiceAsyncStub") -> None:
        self._intake = intake_service

    async def fetch(self, row_ids: Sequence[UUID]) -> Reported:
        """Returns the statuses and wishes that exist; raises `Unavailable`."""
        response: intake.FetchStatusesResponse = await self._intake.FetchStatuses(
            intake.FetchStatusesRequest(row_ids=[str(row_id) for row_id in row_ids]),
            timeout=FETCH_SECONDS,
        )
        return mapping.reported(response.statuses)
