"""IdentityService over gRPC: protobuf at the edge, the domain's handles and customers inside."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import grpc

from chassis.errors import Conflict, FieldViolation, NotFound, Rejected
from fte.conversation.v1 import conversation_pb2
from fte.identity.v1 import identity_service_pb2 as pb
from fte.identity.v1.identity_service_pb2_grpc import IdentityServiceServicer
from services.identity.adapters.store import CustomerStore, LinkCommand
from services.identity.domain.customers import (
    Binding,
    Customer,
    HandleTaken,
    RequestReused,
    Sighting,
    UnknownHandle,
)
from services.identity.domain.handles import Handle, HandleType, WrongHandle, canonical

_TYPES = {
    conversation_pb2.HANDLE_TYPE_EMAIL: HandleType.EMAIL,
    conversation_pb2.HANDLE_TYPE_PHONE: HandleType.PHONE,
    conversation_pb2.HANDLE_TYPE_WHATSAPP_USER: HandleType.WHATSAPP_USER,
}
_TYPES_BACK = {ours: theirs for theirs, ours in _TYPES.items()}
_NUMBER_AND_USER = (
    conversation_pb2.HANDLE_TYPE_PHONE,
    conversation_pb2.HANDLE_TYPE_WHATSAPP_USER,
)
_Context = grpc.aio.ServicerContext[Any, Any]


class IdentityServicer(IdentityServiceServicer):
    """Answers Resolve, Lookup and Link."""

    def __init__(self, store: CustomerStore) -> None:
        self._store = store

    async def Resolve(  # noqa: N802 - the name is the contract's
        self, request: pb.ResolveRequest, _: _Context
    ) -> pb.ResolveResponse:
        """Finds or creates the customer of each handle, in the order of the request."""
        handles = _canonical_all(
            [
                (f"handles[{n}].handle.value", entry.handle)
                for n, entry in enumerate(request.handles)
            ]
        )
        besides = iter(_canonical_all(_besides(request.handles)))
        sightings = [
            Sighting(
                handle,
                verified=entry.assurance == conversation_pb2.ASSURANCE_VERIFIED,
                display_name=entry.display_name.strip(),
                also=next(besides) if entry.HasField("also") else None,
            )
            for handle, entry in zip(handles, request.handles, strict=True)
        ]
        bindings = await self._store.resolve(sightings)
        return pb.ResolveResponse(bindings=[_binding(binding) for binding in bindings])

    async def Lookup(  # noqa: N802 - the name is the contract's
        self, request: pb.LookupRequest, _: _Context
    ) -> pb.LookupResponse:
        """Finds the customer of one handle."""
        [handle] = _canonical_all([("handle.value", request.handle)])
        try:
            customer = await self._store.lookup(handle)
        except UnknownHandle as error:
            raise _no_customer() from error
        return pb.LookupResponse(customer=_customer(customer))

    async def Link(  # noqa: N802 - the name is the contract's
        self, request: pb.LinkRequest, _: _Context
    ) -> pb.LinkResponse:
        """Joins a further handle to the customer of a known one."""
        known, added = _canonical_all(
            [("known.value", request.known), ("added.value", request.added)]
        )
        if known == added:
            raise _wrong([FieldViolation("added.value", "Give a handle other than the known one.")])
        command = LinkCommand(UUID(request.request_id), known, added, request.evidence)
        try:
            answer = await self._store.link(command, _link_answer)
        except UnknownHandle as error:
            raise _no_customer() from error
        except HandleTaken as error:
            raise Conflict(
                "The added handle belongs to another customer.", metadata={"resource": "handle"}
            ) from error
        except RequestReused as error:
            raise Conflict(
                "This request id was used for another request.",
                reason="IDEMPOTENCY_MISMATCH",
                metadata={"request_id": request.request_id},
            ) from error
        return pb.LinkResponse.FromString(answer)


def _canonical_all(given: Sequence[tuple[str, conversation_pb2.Handle]]) -> list[Handle]:
    handles, violations = [], []
    for field, handle in given:
        try:
            handles.append(canonical(_TYPES[handle.type], handle.value))
        except WrongHandle as error:
            violations.append(FieldViolation(field, str(error)))
    if violations:
        raise _wrong(violations)
    return handles


def _besides(
    entries: Sequence[pb.ResolveHandle],
) -> list[tuple[str, conversation_pb2.Handle]]:
    """The user ids that came with numbers, by their fields."""
    given = [(n, entry) for n, entry in enumerate(entries) if entry.HasField("also")]
    violations = [
        FieldViolation(f"handles[{n}].also.type", "Give a WhatsApp user id beside a number.")
        for n, entry in given
        if (entry.handle.type, entry.also.type) != _NUMBER_AND_USER
    ]
    if violations:
        raise _wrong(violations)
    return [(f"handles[{n}].also.value", entry.also) for n, entry in given]


def _wrong(violations: list[FieldViolation]) -> Rejected:
    return Rejected("The request has wrong fields.", violations=violations)


def _no_customer() -> NotFound:
    return NotFound("No customer has this handle.", metadata={"resource": "customer"})


def _binding(binding: Binding) -> pb.Binding:
    return pb.Binding(
        customer_id=str(binding.customer_id),
        verified=binding.verified,
        generation=binding.generation,
        conflicting=binding.conflicting,
    )


def _link_answer(customer: Customer) -> bytes:
    return pb.LinkResponse(customer=_customer(customer)).SerializeToString()


def _customer(customer: Customer) -> pb.Customer:
    answer = pb.Customer(
        customer_id=str(customer.customer_id),
        display_name=customer.display_name,
        generation=customer.generation,
    )
    answer.create_time.FromDatetime(customer.create_time)
    for identifier in customer.identifiers:
        entry = answer.identifiers.add(
            handle=conversation_pb2.Handle(
                type=_TYPES_BACK[identifier.handle.type], value=identifier.handle.value
            ),
            verified=identifier.verified,
            evidence=identifier.evidence,
        )
        entry.create_time.FromDatetime(identifier.create_time)
    return answer
