"""Takes back outcomes of sends that were closed as sent: what CorrectSends does."""

import asyncio
from uuid import UUID

from chassis.errors import FieldViolation, Rejected
from fte.agent.v1 import agent_service_pb2
from fte.agent.v1 import customer_actor_pb2 as wire
from services.agent.adapters.customer_client import ActorClient
from services.agent.adapters.delivered import Outcomes, grouped
from services.agent.adapters.send_outcomes import DELIVERY_STATUS


class SendCorrections:
    """Stores corrections through the customers' actors, as any outcome other than sent."""

    def __init__(self, outcomes: Outcomes, customers: ActorClient) -> None:
        self._outcomes = outcomes
        self._customers = customers

    async def correct(
        self, request: agent_service_pb2.CorrectSendsRequest
    ) -> agent_service_pb2.CorrectSendsResponse:
        """Stores every correction of a known row; a repeat changes nothing.

        Raises:
            Rejected: if an outcome is none that can follow *sent*; nothing was stored.
            Unavailable: if an actor did not answer; what was stored is stored, the caller calls again.
        """
        wrong = [
            FieldViolation(f"corrections[{at}].outcome", "must be an outcome other than sent")
            for at, correction in enumerate(request.corrections)
            if correction.outcome not in DELIVERY_STATUS
        ]
        if wrong:
            raise Rejected("There is no such outcome.", violations=wrong)
        owners = await self._outcomes.owners([UUID(c.outbox_id) for c in request.corrections])
        by_owner = grouped(
            owners,
            [
                wire.SendOutcome(outbox_id=c.outbox_id, outcome=c.outcome, detail=c.detail)
                for c in request.corrections
            ],
        )
        calls = [
            self._customers.report(customer_id, side, outcomes)
            for (customer_id, side), outcomes in by_owner.items()
        ]
        # One customer's failure stops nobody else's correction.
        for result in await asyncio.gather(*calls, return_exceptions=True):
            if isinstance(result, BaseException):
                raise result
        return agent_service_pb2.CorrectSendsResponse()
