"""Gathers what a world leaves behind: the ledgers' final rows and what the providers saw."""

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING
from uuid import UUID

from services.delivery.application.ports import StoreAway
from services.delivery.domain.intent import State
from tests.faults.simulation.checker import (
    Evidence,
    Handed,
    InboxEnd,
    MessageEnd,
    PartEnd,
    SaidRow,
)
from tests.faults.simulation.delivery_process import WINDOWS
from tests.faults.simulation.memory_agent_tables import HeadKey
from tests.faults.simulation.providers import FarSide, Taken

if TYPE_CHECKING:
    from tests.faults.simulation.world import World

_MOST_SHOWN = 5


def open_work(world: "World") -> bool:
    """Whether anything is still on its way."""
    return any(True for _ in _unfinished(world))


def gather(world: "World") -> Evidence:
    """Returns the evidence of a world that is over."""
    return Evidence(
        said=[SaidRow(said.key, said.acknowledged) for said in world.customers.said],
        inbox=list(_inbox(world)),
        messages=list(_messages(world)),
        parts=list(_parts(world)),
        handed=list(_handed(world)),
        held=world.held,
        dead_letters=_dead_letters(world),
        windows={channel.value: seconds.total_seconds() for channel, seconds in WINDOWS.items()},
        never_resend=world.plan.never_resend,
        unfinished=[f"open: {what}" for what in _unfinished(world)],
        complaints=[*world.loop.complaints, *_crashes(world)],
    )


def _unfinished(world: "World") -> Iterator[str]:
    known = {row.provider_id for row in world.inbox.rows.values()}
    for said in world.customers.said:
        if said.acknowledged and said.key not in known:
            yield f"{said.key} is not in the inbox"
    if world.waiting_people:
        yield f"{world.waiting_people} people wait for an answer"
    for far in world.far.values():
        if far.telling:
            yield f"{far.name} has {far.telling} callbacks to make"
    for ledger in (
        world.inbox.ledger,
        world.agent.outbox,
        world.agent.announcements,
        world.agent.fences,
        world.intents.corrections,
    ):
        for row_id, entry in ledger.unsettled.items():
            yield f"{ledger.name} {row_id} is {entry.state}"
    for state in (State.PENDING, State.ATTEMPTING, State.UNKNOWN):
        for intent_id in world.intents.in_state[state]:
            yield f"intent {intent_id} is {state.value}"


def _inbox(world: "World") -> Iterator[InboxEnd]:
    for row in world.inbox.rows.values():
        if row.kind != "message":
            continue
        entry = world.inbox.ledger.entries[row.inbox_id]
        yield InboxEnd(
            row.provider_id, str(row.inbox_id), str(row.handle_id), row.inbox_seq,
            entry.state, entry.outcome or "",
        )  # fmt: skip


def _messages(world: "World") -> Iterator[MessageEnd]:
    for message_id, row in world.agent.inbound.items():
        turn = world.agent.turns.get(row.turn_id) if row.turn_id else None
        yield MessageEnd(
            str(message_id), _side(row.key), row.outcome, str(row.turn_id or ""),
            turn.state if turn else "", turn.end_time if turn else None,
        )  # fmt: skip


def _parts(world: "World") -> Iterator[PartEnd]:
    tasks = {(e.ticket_id, e.reason) for e in world.agent.escalations}
    for row in world.agent.outbox_rows.values():
        message = world.agent.outbound[row.message_id]
        intent = world.intents.rows.get(row.outbox_id)
        yield PartEnd(
            intent_id=str(row.outbox_id),
            turn_id=str(message.turn_id),
            kind=message.event.kind.value,
            lane=f"{row.conversation_id}/{row.channel.value}",
            number=row.send_seq,
            epoch=row.epoch,
            customer=_side(row.key),
            ledger_state=world.agent.outbox.entries[row.outbox_id].state,
            intent_state=intent.state.value if intent else "",
            resends=intent.resends if intent else 0,
            escalated=(message.event.ticket_id, "delivery_failure") in tasks,
        )


def _handed(world: "World") -> Iterator[Handed]:
    for far in world.far.values():
        begins: dict[UUID, list[float]] = {}
        for request in far.requests:
            begins.setdefault(request.intent_id, []).append(request.time)
        for place, taken in enumerate(far.taken):
            if taken.intent_id not in world.agent.outbox_rows:
                continue  # The notice of a web answer keeps no order and is nobody's answer.
            # The newest request that began before the provider took it.
            begin = max((t for t in begins[taken.intent_id] if t <= taken.time), default=taken.time)
            shown_after = taken.visible - begins[taken.intent_id][0]
            yield Handed(str(taken.intent_id), begin, place, _failed(far, taken), shown_after)


def _failed(far: FarSide, taken: Taken) -> bool:
    fate = far.fate(taken.provider_id)
    return fate is not None and fate.status == "failed"


def _dead_letters(world: "World") -> dict[str, int]:
    turns: Counter[str] = Counter()
    for letter in world.agent.dead_letters:
        turn_id = world.agent.inbound[letter.event.message_ids[0]].turn_id
        turns[str(turn_id)] += 1
    return dict(turns)


def _side(key: HeadKey) -> str:
    return f"{key[0]}/{key[1].value}"


def _crashes(world: "World") -> Iterator[str]:
    for process in (world.intake_process, *world.agent_processes, *world.delivery_processes):
        for error in process.crashes[:_MOST_SHOWN]:
            # A process that finds no database when it starts ends, and is started again.
            if not _is_away(error):
                yield f"{process.name} crashed: {error!r}"


def _is_away(error: BaseException) -> bool:
    if isinstance(error, BaseExceptionGroup):
        return all(_is_away(one) for one in error.exceptions)
    return isinstance(error, OSError | StoreAway)
