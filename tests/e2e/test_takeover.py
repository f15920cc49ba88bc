"""A person takes a conversation over on the real stack: the AI is silent until it is handed back."""

import asyncio
import time
from collections.abc import Callable
from uuid import uuid4

import asyncpg
import grpc
import pytest

from cli.outside import Outside, Sent
from fte.agent.v1 import agent_service_pb2 as wire
from fte.agent.v1 import agent_service_pb2_grpc
from tests.e2e.running import RunningStack
from tests.e2e.traffic import Traffic

SECONDS = 60.0
# Longer than any answer takes, so that silence means silence.
SILENT_SECONDS = 6.0
PERSON = "Robin Example"


@pytest.mark.timeout(400)
async def test_a_person_takes_over_replies_and_hands_back(
    stack: RunningStack,
    outside: Outside,
    traffic: Traffic,
    agent: "agent_service_pb2_grpc.AgentServiceAsyncStub",
) -> None:
    number = traffic.number()
    await outside.write_whatsapp(number, "How do I reset my password?")
    await _until(outside, number, bool)
    conversation_id = await _conversation(stack, number)

    taken = await agent.TakeOver(
        wire.TakeOverRequest(conversation_id=conversation_id, person=PERSON)
    )
    assert taken.epoch == 1
    shown = await agent.GetConversation(
        wire.GetConversationRequest(conversation_id=conversation_id)
    )
    assert (shown.conversation.owner, shown.conversation.owner_name) == ("human", PERSON)

    before = await _parts(outside, number)
    await outside.write_whatsapp(number, "And how do I export my data?")
    await asyncio.sleep(SILENT_SECONDS)
    assert await _parts(outside, number) == before, "the AI spoke although a person has it"

    reply = wire.ReplyRequest(
        conversation_id=conversation_id,
        person=PERSON,
        text="I will send you the export today.",
        request_id=str(uuid4()),
    )
    first, again = await agent.Reply(reply), await agent.Reply(reply)
    assert first.message_id == again.message_id
    said = await _until(outside, number, lambda parts: len(parts) > len(before))
    assert [part.body for part in said[len(before) :]] == ["I will send you the export today."]

    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await agent.TakeOver(wire.TakeOverRequest(conversation_id=conversation_id, person="Sam"))
    assert refused.value.code() is grpc.StatusCode.ABORTED

    await agent.HandBack(
        wire.HandBackRequest(conversation_id=conversation_id, person=PERSON, note="Export sent.")
    )
    await outside.write_whatsapp(number, "How do I add users to our workspace?")
    answered = await _until(outside, number, lambda parts: len(parts) > len(said))
    assert "invite" in " ".join(part.body for part in answered[len(said) :]).lower()


async def _conversation(stack: RunningStack, number: str) -> str:
    connection = await asyncpg.connect(stack.dsn)
    try:
        return str(
            await connection.fetchval(
                "SELECT m.conversation_id FROM agent.messages AS m "
                "JOIN intake.inbox AS i ON i.inbox_id = m.message_id "
                "JOIN intake.handles AS h ON h.handle_id = i.handle_id WHERE h.value = $1",
                number,
            )
        )
    finally:
        await connection.close()


async def _parts(outside: Outside, number: str) -> list[Sent]:
    return [part for part in await outside.whatsapps_sent() if part.to == number]


async def _until(outside: Outside, number: str, enough: Callable[[list[Sent]], bool]) -> list[Sent]:
    """Waits until enough was sent, and then until nothing more comes."""
    deadline, last = time.monotonic() + SECONDS, -1
    while True:
        parts = await _parts(outside, number)
        if enough(parts) and len(parts) == last:
            return parts
        assert time.monotonic() < deadline, parts
        last = len(parts)
        await asyncio.sleep(1.0)
