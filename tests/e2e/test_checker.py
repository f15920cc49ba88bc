"""The checker finds each kind of planted fault; without one it finds nothing. Needs no stack."""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from cli.outside import Line, Mail, Sent, Ticket
from fte.agent.v1 import agent_service_pb2
from tests.e2e.checker import Evidence, Ledgers, SentIn, judge

NOW = datetime(2026, 11, 24, tzinfo=UTC)
NUMBER, ADDRESS = "+12025550001", "person1@example.com"
MAIL = Mail("gmail1", "thread1", "<m1@example.com>")
TICKET = Ticket(str(uuid4()), "FTE-00000001", "http://127.0.0.1/support/ticket/1?token=t")


class Story:
    """Two WhatsApp messages in two turns, a mail and a form, all answered once."""

    def __init__(self) -> None:
        self.sent_in = SentIn(
            whatsapps={"SM1": NUMBER, "SM2": NUMBER},
            mails={MAIL.gmail_id: (MAIL, ADDRESS)},
            forms={TICKET.ticket_id: TICKET},
        )
        self.inbox: list[dict[str, Any]] = []
        self.messages: list[dict[str, Any]] = []
        self.answers: list[dict[str, Any]] = []
        self.mails: list[Sent] = []
        self.parts: list[Sent] = []
        self.pages = {TICKET.ticket_id: [Line("customer", "?", NOW), Line("ai", "form", NOW)]}
        handle, conversation = uuid4(), uuid4()
        self._message("SM1", "whatsapp", NUMBER, handle, 1, conversation)
        self._message("SM2", "whatsapp", NUMBER, handle, 2, conversation)
        self._message(MAIL.gmail_id, "email", ADDRESS, uuid4(), 1, uuid4())
        self._message(TICKET.ticket_id, "web_form", "form@example.com", uuid4(), 1, uuid4())

    def evidence(self) -> Evidence:
        return Evidence(
            self.sent_in,
            Ledgers(self.inbox, self.messages, self.answers),
            self.mails,
            self.parts,
            self.pages,
        )

    def _message(
        self, key: str, channel: str, sender: str, handle: UUID, seq: int, conversation: UUID
    ) -> None:
        inbox_id, turn_id, text = uuid4(), uuid4(), f"answer to {key}"
        self.inbox.append(
            {
                "inbox_id": inbox_id,
                "channel": channel,
                "provider_id": key,
                "state": "settled",
                "outcome": "answered",
                "suppress_reason": None,
                "sender": sender,
                "handle_id": handle,
                "inbox_seq": seq,
            }
        )
        self.messages.append(
            {
                "message_id": inbox_id,
                "turn_id": turn_id,
                "conversation_id": conversation,
                "outcome": "answered",
                "turn_state": "committed",
                "end_time": NOW + timedelta(seconds=seq),
            }
        )
        content = agent_service_pb2.OutboundMessage(text=text)
        content.recipient.value = sender
        self.answers.append(
            {
                "message_id": uuid4(),
                "turn_id": turn_id,
                "channel": channel,
                "outbox_id": uuid4(),
                "outbox_state": "settled",
                "content": content.SerializeToString(),
                "conversation_id": conversation,
                "send_seq": seq,
                "intent_state": "SENT",
                "provider_id": f"sent {key}",
            }
        )
        in_mail = channel == "email"
        sent = Sent(
            time=NOW,
            provider_id=f"sent {key}",
            to=sender,
            subject="Re: x" if in_mail else "",
            body=text + "\r\n",
            thread_id=MAIL.thread_id if in_mail else "",
            in_reply_to=MAIL.message_id if in_mail else "",
        )
        if in_mail:
            self.mails.append(sent)
        elif channel == "whatsapp":
            self.parts.append(sent)


def test_a_clean_story_has_no_problem() -> None:
    verdict = judge(Story().evidence())
    assert verdict.problems == []
    assert (verdict.messages, verdict.turns, verdict.answers, verdict.parts) == (4, 4, 4, 4)


def _lose(story: Story) -> None:
    del story.inbox[0], story.messages[0]


def _store_twice(story: Story) -> None:
    story.inbox.append({**deepcopy(story.inbox[0]), "inbox_id": uuid4()})


def _leave_open(story: Story) -> None:
    story.inbox[0]["state"] = "stored"


def _fail(story: Story) -> None:
    story.inbox[0]["outcome"] = story.messages[0]["outcome"] = "failed"


def _disagree(story: Story) -> None:
    story.messages[0]["outcome"] = "escalated"


def _forget_in_agent(story: Story) -> None:
    del story.messages[0]


def _leave_turn_open(story: Story) -> None:
    story.messages[0]["turn_state"] = "open"


def _answer_twice(story: Story) -> None:
    story.answers.append({**deepcopy(story.answers[0]), "message_id": uuid4(), "send_seq": 9})


def _not_answer(story: Story) -> None:
    del story.answers[0], story.parts[0]


def _leave_gap(story: Story) -> None:
    story.inbox[1]["inbox_seq"] = 3


def _answer_later_first(story: Story) -> None:
    story.messages[1]["end_time"] = NOW


def _send_twice(story: Story) -> None:
    story.parts.append(replace(story.parts[0], provider_id="sent again"))


def _not_send(story: Story) -> None:
    del story.parts[0]


def _send_out_of_order(story: Story) -> None:
    story.parts.reverse()


def _cancel(story: Story) -> None:
    story.answers[0]["intent_state"] = "CANCELLED"


def _leave_unknown(story: Story) -> None:
    story.answers[0]["intent_state"] = "UNKNOWN"


def _leave_thread(story: Story) -> None:
    story.mails[0] = replace(story.mails[0], thread_id="another")


def _show_twice(story: Story) -> None:
    story.pages[TICKET.ticket_id].append(Line("ai", "form", NOW))


def _show_nothing(story: Story) -> None:
    del story.pages[TICKET.ticket_id][1]


@pytest.mark.parametrize(
    ("plant", "named"),
    [
        (_lose, "is not in the inbox"),
        (_store_twice, "is 2 messages"),
        (_leave_open, "is stored"),
        (_fail, "ended as failed"),
        (_disagree, "for the agent"),
        (_forget_in_agent, "unknown to the agent"),
        (_leave_turn_open, "in a turn that is open"),
        (_answer_twice, "gave 2 answers"),
        (_not_answer, "gave 0 answers"),
        (_leave_gap, "has the numbers [1, 3]"),
        (_answer_later_first, "before an earlier one"),
        (_send_twice, "1 time(s) more"),
        (_not_send, "1 time(s) less"),
        (_send_out_of_order, "out of order"),
        (_cancel, "ended as CANCELLED"),
        (_leave_unknown, "its intent UNKNOWN"),
        (_leave_thread, "0 replies"),
        (_show_twice, "'ours': 2"),
        (_show_nothing, "page of ticket"),
    ],
)
def test_each_fault_is_found(plant: Callable[[Story], None], named: str) -> None:
    story = Story()
    plant(story)
    problems = judge(story.evidence()).problems
    assert any(named in problem for problem in problems), problems
