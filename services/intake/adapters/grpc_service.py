"""IntakeService: hands out the content of accepted rows; validation and errors are the interceptor's."""

from collections.abc import Sequence
from typing import Any, Protocol
from uuid import UUID

import grpc

from fte.intake.v1 import intake_service_pb2, intake_service_pb2_grpc
from services.intake.adapters.contact_cards import Cards

FULL_NAME = intake_service_pb2.DESCRIPTOR.services_by_name["IntakeService"].full_name
_PAGE = 32
_LONGEST_PAGE = 64

Context = grpc.aio.ServicerContext[Any, Any]


class Reader(Protocol):
    """Where accepted rows are; raises an error of the database when it is away."""

    async def messages(
        self, cursors: Sequence[tuple[UUID, int]], page_size: int
    ) -> tuple[list[intake_service_pb2.InboundMessage], bool]:
        """Returns the next messages of each handle in order, and whether there are more behind them."""

    async def statuses(self, row_ids: Sequence[UUID]) -> list[intake_service_pb2.ProviderStatus]:
        """Returns the statuses that exist."""

    async def channel_configs(self) -> list[intake_service_pb2.ChannelConfig]:
        """Returns every channel's switch and limits."""


class IntakeServicer(intake_service_pb2_grpc.IntakeServiceServicer):
    """Serves the stored messages, statuses and channel settings."""

    def __init__(self, reader: Reader, cards: Cards | None = None) -> None:
        self._reader = reader
        self._cards = cards

    def register(self, server: grpc.aio.Server) -> None:
        """Adds this servicer to a server."""
        intake_service_pb2_grpc.add_IntakeServiceServicer_to_server(self, server)

    async def FetchMessages(  # noqa: N802 - the name is the contract's
        self, request: intake_service_pb2.FetchMessagesRequest, _: Context
    ) -> intake_service_pb2.FetchMessagesResponse:
        """Returns the messages of each handle after a number, in order."""
        # A handle that is named twice would come twice; its furthest position wins.
        positions: dict[UUID, int] = {}
        for cursor in request.cursors:
            handle_id = UUID(cursor.handle_id)
            positions[handle_id] = max(cursor.after_seq, positions.get(handle_id, 0))
        messages, more = await self._reader.messages(
            list(positions.items()), min(request.page_size or _PAGE, _LONGEST_PAGE)
        )
        if self._cards is not None:
            await self._cards.read(messages)
        return intake_service_pb2.FetchMessagesResponse(messages=messages, more=more)

    async def FetchStatuses(  # noqa: N802 - the name is the contract's
        self, request: intake_service_pb2.FetchStatusesRequest, _: Context
    ) -> intake_service_pb2.FetchStatusesResponse:
        """Returns the statuses that exist."""
        statuses = await self._reader.statuses([UUID(row_id) for row_id in request.row_ids])
        return intake_service_pb2.FetchStatusesResponse(statuses=statuses)

    async def GetChannelConfigs(  # noqa: N802 - the name is the contract's
        self, _: intake_service_pb2.GetChannelConfigsRequest, __: Context
    ) -> intake_service_pb2.GetChannelConfigsResponse:
        """Returns every channel's switch and limits."""
        return intake_service_pb2.GetChannelConfigsResponse(
            configs=await self._reader.channel_configs()
        )
