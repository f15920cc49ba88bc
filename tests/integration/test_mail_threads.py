"""Which matter a mail goes on with, and who gets nothing of it, over real Postgres."""

import re
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

from fte.agent.v1 import agent_service_pb2
from fte.conversation.v1 import conversation_pb2
from fte.intake.v1 import intake_service_pb2
from services.agent.adapters import mail_threads
from services.agent.adapters.history import TurnHistory
from services.agent.adapters.inbound import Owned
from services.agent.adapters.mail_threads import SentThreads
from services.agent.adapters.mapping import timestamp
from services.agent.application.turns import Begun
from services.agent.domain.turn import CustomerId, Side, Turn
from tests.integration.agent_world import CUSTOMER, Agent, fence, limits
from tests.unit.agent.turns import answer

STRANGER = CustomerId(UUID(int=66))
OURS = "support@example.com"
_SEQ = iter(range(1, 10**6))


def mail(
    subject: str,
    *,
    sender: str = "ada@example.com",
    thread: str = "",
    message_id: str = "",
    references: tuple[str, ...] = (),
    in_reply_to: tuple[str, ...] = (),
    mailbox: str = OURS,
    verified: bool = True,
) -> intake_service_pb2.InboundMessage:
    return intake_service_pb2.InboundMessage(
        message_id=str(uuid4()),
        handle_id=str(UUID(int=sum(sender.encode()))),
        inbox_seq=next(_SEQ),
        channel=conversation_pb2.CHANNEL_EMAIL,
        handle=conversation_pb2.Handle(type=conversation_pb2.HANDLE_TYPE_EMAIL, value=sender),
        assurance=conversation_pb2.ASSURANCE_VERIFIED
        if verified
        else conversation_pb2.ASSURANCE_CLAIMED,
        accept_time=timestamp(datetime.now(UTC)),
        subject=subject,
        body="How do I export my data?",
        email=intake_service_pb2.EmailFacts(
            provider_message_id=uuid4().hex,
            thread_id=thread or uuid4().hex,
            internet_message_id=message_id or f"<{uuid4().hex}@example.com>",
            references=references,
            in_reply_to=in_reply_to,
            mailbox=mailbox,
        ),
    )


async def turn_of(
    agent: Agent,
    message: intake_service_pb2.InboundMessage,
    customer: CustomerId = CUSTOMER,
    side: Side = Side.VERIFIED,
) -> Turn:
    """Stores a mail, and answers it; returns the turn."""
    await agent.inbound.store([Owned(message, customer)])
    begun = await agent.turns.begin(customer, side, "agent-0/1", None, limits)
    assert isinstance(begun, Begun)
    given = answer(ticket_subject="What it is about")
    assert await agent.turns.commit_answer(fence(begun.turn), given, None, limits)
    return begun.turn


async def ticket_of(agent: Agent, message: intake_service_pb2.InboundMessage) -> UUID:
    found = await agent.look.fetchval(
        "SELECT ticket_id FROM agent.messages WHERE message_id = $1", UUID(message.message_id)
    )
    assert isinstance(found, UUID)
    return found


async def sent(agent: Agent) -> list[agent_service_pb2.OutboundMessage]:
    rows = await agent.look.fetch("SELECT content FROM agent.outbox ORDER BY create_time, send_seq")
    return [agent_service_pb2.OutboundMessage.FromString(row["content"]) for row in rows]


async def reply_id(agent: Agent) -> str:
    first: str = (await sent(agent))[0].references[0]
    return first


async def test_a_mail_goes_on_by_the_thread_of_the_mailbox_it_came_to(agent: Agent) -> None:
    first = mail("Export", thread="t1")
    other = mail("Invoices", thread="t2")
    await turn_of(agent, first)
    await turn_of(agent, other)
    # Same subject and no ids: only the thread tells.
    again = mail("Re: Export", thread="t1")
    await turn_of(agent, again)
    assert await ticket_of(agent, again) == await ticket_of(agent, first)
    # Gmail's thread ids are those of one mailbox.
    elsewhere = mail("Export", thread="t1", mailbox="sales@example.com")
    foreign = (await turn_of(agent, elsewhere)).batch[0].thread
    assert foreign is None


async def test_equal_subjects_in_two_threads_are_two_batches(agent: Agent) -> None:
    first = mail("Question", thread="t1")
    await turn_of(agent, first)
    second = mail("Re: Question", thread="t1")
    new = mail("Question", thread="t9")
    await agent.inbound.store([Owned(second, CUSTOMER), Owned(new, CUSTOMER)])
    begun = await agent.turns.begin(CUSTOMER, Side.VERIFIED, "agent-0/1", None, limits)
    assert isinstance(begun, Begun)
    assert len(begun.turn.batch) == 1


async def test_in_reply_to_and_references_are_known_by_the_real_message_id(agent: Agent) -> None:
    first = mail("Export", thread="t1")
    await turn_of(agent, first)
    await turn_of(agent, mail("Invoices", thread="t2"))
    [outgoing, _] = await sent(agent)
    threads = SentThreads(agent.ledger)
    names = {UUID(outgoing.outbox_id): ("t1", "<CA+real@mail.gmail.com>")}
    await threads.named(names)
    await threads.named(names)
    for ids in (
        {"in_reply_to": ("<CA+real@mail.gmail.com>",)},
        {"references": ("<x@example.com>", "<CA+real@mail.gmail.com>", "<y@example.com>")},
    ):
        again = mail("AW: Export", **ids)
        await turn_of(agent, again)
        assert await ticket_of(agent, again) == await ticket_of(agent, first)


async def test_our_token_brings_a_mail_back_when_every_other_id_is_lost(agent: Agent) -> None:
    first = mail("Export", thread="t1")
    await turn_of(agent, first)
    await turn_of(agent, mail("Invoices"))
    token = await reply_id(agent)
    assert re.fullmatch(r"<fte\.[0-9a-f]{40}@example\.com>", token), "160 bits"
    again = mail("Re: Export", references=(token,))
    assert (await turn_of(agent, again)).batch[0].thread is not None
    assert await ticket_of(agent, again) == await ticket_of(agent, first)
    assert len({one.references[0] for one in await sent(agent)}) == 3, "one token for each mail"


async def test_another_subject_in_an_old_thread_is_another_matter_of_the_same_customer(
    agent: Agent,
) -> None:
    first = mail("Export", thread="t1", message_id="<one@example.com>")
    begun = await turn_of(agent, first)
    await turn_of(agent, mail("Invoices"))
    changed = mail("Re: Delivery address", thread="t1", references=("<one@example.com>",))
    turn = await turn_of(agent, changed)
    tickets = {await ticket_of(agent, message) for message in (first, changed)}
    assert len(tickets) == 2
    assert turn.conversation_id == begun.conversation_id


async def test_a_reply_after_days_goes_on_with_its_matter(agent: Agent) -> None:
    first = mail("Export", thread="t1")
    begun = await turn_of(agent, first)
    await _age(agent, timedelta(days=5))
    late = mail("Re: Export", thread="t1")
    turn = await turn_of(agent, late)
    assert turn.conversation_id == begun.conversation_id
    assert await ticket_of(agent, late) == await ticket_of(agent, first)
    await _age(agent, timedelta(days=5))
    assert (await turn_of(agent, mail("Export again"))).conversation_id != begun.conversation_id


async def test_the_sender_must_match_too(agent: Agent) -> None:
    """A stranger who copies the thread, its ids and our token begins at nothing."""
    first = mail("Export", thread="t1", message_id="<one@example.com>")
    await turn_of(agent, first)
    token = await reply_id(agent)
    stolen = mail(
        "Re: Export",
        sender="eve@evil.example",
        thread="t1",
        references=(token, "<one@example.com>"),
        in_reply_to=("<one@example.com>",),
    )
    turn = await turn_of(agent, stolen, STRANGER)
    assert turn.batch[0].thread is None
    assert turn.history == ()
    assert await ticket_of(agent, stolen) != await ticket_of(agent, first)


async def test_zendesk_2024_a_copied_address_gains_no_history(agent: Agent) -> None:
    """Spoofed mail to a ticket's thread with the attacker in copy, then the attacker writes into the thread."""
    await turn_of(agent, mail("Secret matter", thread="t1", message_id="<one@example.com>"))
    token = await reply_id(agent)
    # The spoof fails DMARC: it is a claim, whatever it refers to.
    spoof = mail("Re: Secret matter", thread="t1", references=(token,), verified=False)
    claimed = await turn_of(agent, spoof, side=Side.CLAIMED)
    assert (claimed.history, claimed.batch[0].thread) == ((), None)
    history = TurnHistory(agent.turn_pool)
    assert await history.messages(claimed) == []
    # The one who was in copy answers the answer.
    copied = mail("Re: Secret matter", sender="eve@evil.example", thread="t1", references=(token,))
    turn = await turn_of(agent, copied, STRANGER)
    assert (turn.history, turn.batch[0].thread) == ((), None)
    seen = {line.ticket_id for line in await history.messages(turn)}
    assert seen == {await ticket_of(agent, copied)}
    assert [one.recipient.value for one in await sent(agent)] == [
        "ada@example.com",
        "ada@example.com",
        "eve@evil.example",
    ]


async def test_ticket_trick_a_third_partys_mail_never_enters_another_ones_thread(
    agent: Agent,
) -> None:
    """A verification mail of an identity provider to a live reply token is a matter of its own sender."""
    first = mail("Export", thread="t1")
    await turn_of(agent, first)
    token = await reply_id(agent)
    code = mail(
        "Your code is 424242", sender="no-reply@idp.example", thread="t1", references=(token,)
    )
    idp = CustomerId(UUID(int=77))
    turn = await turn_of(agent, code, idp)
    assert turn.batch[0].thread is None
    seen = await agent.look.fetch(
        "SELECT customer_id FROM agent.messages WHERE ticket_id = $1",
        await ticket_of(agent, first),
    )
    assert {row["customer_id"] for row in seen} == {CUSTOMER}


async def test_a_reply_leaves_from_the_mailbox_that_was_written_to(agent: Agent) -> None:
    first = mail(
        "Export", mailbox="sales@example.com", message_id="<two@x>", references=("<one@x>",)
    )
    await turn_of(agent, first)
    [outgoing] = await sent(agent)
    assert outgoing.mailbox == "sales@example.com"
    assert outgoing.thread_id == first.email.thread_id
    assert outgoing.in_reply_to == "<two@x>"
    assert list(outgoing.references)[1:] == ["<one@x>", "<two@x>"]
    assert outgoing.subject == "Re: Export"


async def test_a_lookup_names_customer_and_side_itself(agent: Agent) -> None:
    """Row-level security alone must not be what keeps customers apart."""
    first = mail("Export", thread="t1")
    await turn_of(agent, first)
    async with agent.ledger.acquire() as connection:
        seen = [
            await mail_threads.find(connection, customer, side, [first])
            for customer, side in (
                (CUSTOMER, Side.VERIFIED),
                (CUSTOMER, Side.CLAIMED),
                (STRANGER, Side.VERIFIED),
            )
        ]
    assert [bool(found) for found in seen] == [True, False, False]


async def _age(agent: Agent, by: timedelta) -> None:
    """Moves every moment in the events back, as if the time had passed."""
    await agent.look.execute(
        r"""
        UPDATE agent.events SET payload = (
            SELECT jsonb_object_agg(key, CASE
                WHEN key ~ '_time$' AND jsonb_typeof(value) = 'string'
                THEN to_jsonb(to_char((value #>> '{}')::timestamptz AT TIME ZONE 'UTC' - $1::interval,
                                      'YYYY-MM-DD"T"HH24:MI:SS.US"+00:00"'))
                WHEN key = 'messages'
                THEN (SELECT jsonb_agg(m || jsonb_build_object('create_time',
                        to_char((m ->> 'create_time')::timestamptz AT TIME ZONE 'UTC' - $1::interval,
                                'YYYY-MM-DD"T"HH24:MI:SS.US"+00:00"')))
                      FROM jsonb_array_elements(value) AS m)
                ELSE value END)
            FROM jsonb_each(payload))
        """,
        by,
    )
