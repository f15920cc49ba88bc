"""Dead letters on real Postgres: paged, shown, tried again under the head's lock, dropped; and the command."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any
from uuid import UUID, uuid4

import grpc
import pytest

from chassis.database import Pool, open_pool
from chassis.errors import NotFound, Rejected
from cli import dlq
from fte.agent.v1 import agent_service_pb2 as wire
from fte.agent.v1 import agent_service_pb2_grpc
from services.agent.adapters.dead_letters import DeadLetters
from services.agent.adapters.event_log import read_events
from services.agent.adapters.inbound import Owned
from services.agent.application.runner import Head
from services.agent.application.turns import Begun
from services.agent.domain.conversation import State, evolve_all
from services.agent.domain.decisions import TRIES
from services.agent.domain.events import MessagesReplayed
from services.agent.domain.turn import Side
from tests.integration.agent_world import CUSTOMER, Agent, begin, fence, limits, message, store
from tests.integration.postgres import Database
from tests.serving import served
from tests.unit.agent.turns import answer

KEY = "a-key"


@pytest.fixture
async def ledger(database: Database) -> AsyncIterator[Pool]:
    pool = await open_pool(database.url("fte_agent"), 4, application="test")
    yield pool
    await pool.close()


@pytest.fixture
def letters(ledger: Pool) -> DeadLetters:
    return DeadLetters(ledger)


async def _give_up(agent: Agent, text: str = "hello there", seq: int = 1) -> UUID:
    await store(agent, message(text, seq))
    for _ in range(TRIES):
        await agent.turns.commit_failure(fence(await begin(agent)), "TimeoutError", None, limits)
    newest = "SELECT dead_letter_id FROM agent.dead_letters ORDER BY create_time DESC LIMIT 1"
    return UUID(str(await agent.look.fetchval(newest)))


def _replay(one: UUID, *, validate_only: bool = False) -> wire.ReplayDeadLetterRequest:
    return wire.ReplayDeadLetterRequest(dead_letter_id=str(one), validate_only=validate_only)


async def _head(agent: Agent) -> dict[str, Any]:
    row = await agent.look.fetchrow("SELECT * FROM agent.heads")
    assert row is not None
    return dict(row)


async def test_a_replay_gives_the_customer_the_real_answer(
    agent: Agent, letters: DeadLetters
) -> None:
    one = await _give_up(agent)
    assert await agent.heads.due(10) == []
    before = await _head(agent)
    assert (await letters.replay(_replay(one))).messages == 1
    after = await _head(agent)
    assert after["version"] == before["version"] + 1
    assert (after["failure_count"], after["begin_count"], after["lease_time"]) == (0, 0, None)
    assert await agent.heads.due(10) == [Head(CUSTOMER, Side.VERIFIED)]
    turn = await begin(agent)
    assert [m.content for m in turn.batch] == ["hello there"]
    commit = await agent.turns.commit_answer(fence(turn), answer(), None, limits)
    assert commit is not None
    assert commit.outcome == "answered"
    shown = (await letters.get(wire.GetDeadLetterRequest(dead_letter_id=str(one)))).dead_letter
    assert shown.state == "replayed"
    assert shown.HasField("close_time")
    assert await agent.look.fetchval("SELECT status FROM agent.tickets") == "escalated"


async def test_a_replay_makes_an_open_turn_void(agent: Agent, letters: DeadLetters) -> None:
    one = await _give_up(agent)
    await store(agent, message("another matter", 2))
    stale = await begin(agent)
    await letters.replay(_replay(one))
    assert await agent.turns.commit_answer(fence(stale), answer(), None, limits) is None
    fresh = await begin(agent)
    assert [m.content for m in fresh.batch] == ["hello there", "another matter"]


async def test_a_replay_is_an_event_that_changes_no_line(
    agent: Agent, letters: DeadLetters
) -> None:
    one = await _give_up(agent)
    begun = "SELECT conversation_version FROM agent.heads"
    since = await agent.look.fetchval(begun)
    async with agent.look.transaction():
        events = await read_events(agent.look, CUSTOMER, "verified", since)  # type: ignore[arg-type]
    await letters.replay(_replay(one))
    async with agent.look.transaction():
        later = await read_events(agent.look, CUSTOMER, "verified", since)  # type: ignore[arg-type]
    (ids,) = await agent.look.fetchrow("SELECT message_ids FROM agent.dead_letters") or ((),)
    assert later == [*events, MessagesReplayed(one, tuple(ids))]
    assert evolve_all(State(), later, 9) == evolve_all(State(), events, 9)


async def test_twenty_replays_at_once_count_once(agent: Agent, letters: DeadLetters) -> None:
    one = await _give_up(agent)
    before = await _head(agent)
    results = await asyncio.gather(
        *(letters.replay(_replay(one)) for _ in range(20)), return_exceptions=True
    )
    assert sum(not isinstance(r, Exception) for r in results) == 1
    assert all(not isinstance(r, BaseException) or isinstance(r, Rejected) for r in results)
    assert (await _head(agent))["version"] == before["version"] + 1


async def test_what_is_not_open_is_refused(agent: Agent, letters: DeadLetters) -> None:
    one = await _give_up(agent)
    await letters.drop(wire.DropDeadLetterRequest(dead_letter_id=str(one)))
    before = await _head(agent)
    for call in (
        letters.replay(_replay(one)),
        letters.drop(wire.DropDeadLetterRequest(dead_letter_id=str(one))),
    ):
        with pytest.raises(Rejected, match="dropped already") as caught:
            await call
        assert caught.value.reason == "REFUSED"
    assert await _head(agent) == before
    assert await agent.look.fetchval("SELECT outcome FROM agent.messages WHERE inbox_seq = 1") == (
        "failed"
    )


async def test_an_original_that_nobody_can_read_is_not_tried_again(
    agent: Agent, letters: DeadLetters
) -> None:
    await agent.inbound.store_unreadable(Owned(message("anything", 1), CUSTOMER))
    await agent.turns.begin(CUSTOMER, Side.VERIFIED, "r/1", None, limits)
    (letter,) = (await letters.list(wire.ListDeadLettersRequest())).dead_letters
    with pytest.raises(Rejected, match="could not be read"):
        await letters.replay(_replay(UUID(letter.dead_letter_id)))
    assert await agent.heads.due(10) == []


@pytest.mark.parametrize("verb", ["replay", "drop"])
async def test_a_dry_run_checks_and_changes_nothing(
    agent: Agent, letters: DeadLetters, verb: str
) -> None:
    one = await _give_up(agent)
    before = await _head(agent)

    async def dry(target: UUID) -> object:
        if verb == "replay":
            return await letters.replay(_replay(target, validate_only=True))
        request = wire.DropDeadLetterRequest(dead_letter_id=str(target), validate_only=True)
        return await letters.drop(request)

    await dry(one)
    assert await _head(agent) == before
    (letter,) = (await letters.list(wire.ListDeadLettersRequest())).dead_letters
    assert letter.state == "open"
    with pytest.raises(NotFound):
        await dry(uuid4())
    await letters.drop(wire.DropDeadLetterRequest(dead_letter_id=str(one)))
    with pytest.raises(Rejected):
        await dry(one)


async def test_pages_are_oldest_first_and_complete(agent: Agent, letters: DeadLetters) -> None:
    one = await _give_up(agent)
    # Four more of the same moment: the id decides between them.
    await agent.look.execute(
        "INSERT INTO agent.dead_letters (dead_letter_id, message_ids, ticket_id, customer_id, side, "
        "channel, error, attempts, create_time) SELECT uuidv7(), message_ids, ticket_id, customer_id, "
        "side, channel, error, attempts, create_time FROM agent.dead_letters, generate_series(1, 4)"
    )
    await letters.drop(wire.DropDeadLetterRequest(dead_letter_id=str(one)))
    for include_closed, expected in ((False, 4), (True, 5)):
        found, token, pages = [], "", 0
        while True:
            page = await letters.list(
                wire.ListDeadLettersRequest(
                    page_size=2, page_token=token, include_closed=include_closed
                )
            )
            found += [letter.dead_letter_id for letter in page.dead_letters]
            token, pages = page.next_page_token, pages + 1
            if not token:
                break
        assert len(found) == len(set(found)) == expected
        assert found == sorted(found, key=UUID)
        assert pages == -(-expected // 2)


@pytest.mark.parametrize("token", ["nonsense", "AAAA", "bm90IGEgdGltZQ=="])
async def test_a_token_of_somebody_else_is_a_wrong_field(letters: DeadLetters, token: str) -> None:
    with pytest.raises(Rejected) as caught:
        await letters.list(wire.ListDeadLettersRequest(page_token=token))
    assert [v.field for v in caught.value.violations] == ["page_token"]


class _Served(agent_service_pb2_grpc.AgentServiceServicer):
    def __init__(self, letters: DeadLetters) -> None:
        self._letters = letters

    async def ListDeadLetters(self, request: Any, context: Any) -> Any:  # noqa: N802
        return await self._letters.list(request)

    async def GetDeadLetter(self, request: Any, context: Any) -> Any:  # noqa: N802
        return await self._letters.get(request)

    async def ReplayDeadLetter(self, request: Any, context: Any) -> Any:  # noqa: N802
        return await self._letters.replay(request)

    async def DropDeadLetter(self, request: Any, context: Any) -> Any:  # noqa: N802
        return await self._letters.drop(request)


Command = Callable[[dlq.Work], Awaitable[int]]


@pytest.fixture
async def command(letters: DeadLetters) -> AsyncIterator[Command]:
    servicer = _Served(letters)  # type: ignore[abstract]  # nothing else is called

    def register(server: grpc.aio.Server) -> None:
        agent_service_pb2_grpc.add_AgentServiceServicer_to_server(servicer, server)

    async with served(register, secret=KEY) as channel:

        async def run(work: dlq.Work) -> int:
            return await dlq.answered(work, dlq.DeadLetterCalls(channel, KEY))

        yield run


async def test_the_command_lists_shows_replays_and_drops(
    agent: Agent, command: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    first = await _give_up(agent, "the first matter", 1)
    second = await _give_up(agent, "the second matter", 2)
    assert await command(lambda c: dlq.show_list(c, closed=False, as_json=True)) == 0
    listed = json.loads(capsys.readouterr().out)
    assert [letter["dead_letter_id"] for letter in listed] == [str(first), str(second)]
    assert {letter["error"] for letter in listed} == {"TimeoutError"}
    assert await command(lambda c: dlq.show_one(c, str(first), as_json=False)) == 0
    assert "the first matter" in capsys.readouterr().out

    def replay_all(dry_run: bool) -> dlq.Work:  # noqa: FBT001
        return lambda c: dlq.replay(c, "", every=True, dry_run=dry_run, as_json=False)

    assert await command(lambda c: dlq.drop(c, str(first), dry_run=False, as_json=False)) == 0
    assert "dropped; its ticket stays" in capsys.readouterr().out
    assert await command(replay_all(dry_run=True)) == 0
    assert capsys.readouterr().out == f"{second}: 1 message would become due again\n"
    assert await command(replay_all(dry_run=False)) == 0
    assert capsys.readouterr().out == f"{second}: 1 message made due again\n"
    begun = await agent.turns.begin(CUSTOMER, Side.VERIFIED, "r/1", None, limits)
    assert isinstance(begun, Begun)
    assert await command(lambda c: dlq.show_list(c, closed=False, as_json=False)) == 0
    assert capsys.readouterr().err == "fte: no open dead letters\n"


async def test_the_command_says_what_was_refused_and_goes_on(
    agent: Agent, command: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    one = await _give_up(agent)
    assert await command(lambda c: dlq.drop(c, str(one), dry_run=False, as_json=True)) == 0
    assert json.loads(capsys.readouterr().out) == {"dry_run": False, "dropped": str(one)}
    for work in (
        lambda c: dlq.drop(c, str(one), dry_run=True, as_json=False),
        lambda c: dlq.replay(c, str(one), every=False, dry_run=False, as_json=False),
    ):
        assert await command(work) == 1
        assert "was dropped already" in capsys.readouterr().err
    missing = str(uuid4())
    assert await command(lambda c: dlq.show_one(c, missing, as_json=False)) == 1
    assert "no such dead letter" in capsys.readouterr().err
    assert await command(lambda c: dlq.show_one(c, "FTE-1", as_json=False)) == 1
    assert "dead_letter_id" in capsys.readouterr().err
    await agent.inbound.store_unreadable(Owned(message("anything", 2), CUSTOMER))
    await agent.turns.begin(CUSTOMER, Side.VERIFIED, "r/1", None, limits)
    readable = await _give_up(agent, "a fine one", 3)
    every = await command(lambda c: dlq.replay(c, "", every=True, dry_run=False, as_json=True))
    done = json.loads(capsys.readouterr().out)
    assert every == 1
    assert [entry["dead_letter_id"] for entry in done["replayed"]] == [str(readable)]
    assert [entry["reason"][:31] for entry in done["refused"]] == [
        "Its original could not be read,"
    ]
