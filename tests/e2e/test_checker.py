"""The checker finds each kind of planted fault; without one it finds nothing. Needs no stack.

One file, although it is long: every fault is planted into the same evidence, which is built here once.
"""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from cli.outside import Line, Mail, Sent, Ticket
from drill.checker import judge
from drill.evidence import Evidence, Ledgers, SentIn
from drill.verdict import Fault, Settled
from fte.agent.v1 import agent_service_pb2
from fte.intake.v1 import intake_service_pb2

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
        self.turns: list[dict[str, Any]] = []
        self.notices: list[dict[str, Any]] = []
        self.attempts: list[dict[str, Any]] = []
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
            Ledgers(
                self.inbox,
                self.messages,
                self.answers,
                self.turns,
                self.notices,
                self.attempts,
            ),
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
                "content": b"",
                "accept_time": NOW,
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
                "kind": "answer",
                "resends": 0,
                "attempts": 1,
                "error": None,
                "final_time": NOW + timedelta(seconds=seq),
            }
        )
        self.turns.append({"turn_id": turn_id, "message_ids": [inbox_id]})
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

    def doubt(self, nth: int, outcome: str = "unknown") -> None:
        """Lets the first attempt of a part end unknown."""
        intent_id = self.answers[nth]["outbox_id"]
        self.attempts.append(
            {"intent_id": intent_id, "attempt": 1, "outcome": outcome, "detail": "status_503"}
        )

    def add_form(self, subject: str) -> None:
        """Lets a form be in whose acceptance nobody saw."""
        ticket = str(uuid4())
        self._message(ticket, "web_form", "doubt@example.com", uuid4(), 1, uuid4())
        message = intake_service_pb2.InboundMessage(subject=subject)
        self.inbox[-1]["content"] = message.SerializeToString()

    def end(self, nth: int, outcome: str) -> None:
        """Gives one message and its agent's row an outcome."""
        self.inbox[nth]["outcome"] = self.messages[nth]["outcome"] = outcome

    def suppress(self, nth: int) -> None:
        """Lets a message be suppressed, and nothing come of it."""
        self.inbox[nth] |= {"outcome": "suppressed", "suppress_reason": "auto_reply"}
        self.inbox[nth] |= {"handle_id": None, "inbox_seq": None}
        del self.messages[nth], self.answers[nth], self.turns[nth]


def test_a_clean_story_has_no_problem() -> None:
    verdict = judge(Story().evidence())
    assert verdict.problems == []
    assert verdict.doubts == []
    assert (verdict.messages, verdict.turns, verdict.answers, verdict.parts) == (4, 4, 4, 4)


def _lose(story: Story) -> None:
    del story.inbox[0], story.messages[0]


def _store_twice(story: Story) -> None:
    story.inbox.append({**deepcopy(story.inbox[0]), "inbox_id": uuid4()})


def _leave_open(story: Story) -> None:
    story.inbox[0]["state"] = "stored"


def _end_oddly(story: Story) -> None:
    story.end(0, "forgotten")


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


def _take_what_was_refused(story: Story) -> None:
    story.sent_in.refused["SM1"] = story.sent_in.whatsapps.pop("SM1")


def _take_what_nobody_sent(story: Story) -> None:
    del story.sent_in.whatsapps["SM1"]


def _take_a_form_in_doubt_twice(story: Story) -> None:
    story.sent_in.forms_in_doubt.add("form 1")
    story.add_form("form 1")
    story.add_form("form 1")


def _give_two_tickets(story: Story) -> None:
    story.sent_in.contradictions.append("form 1 got two tickets")


def _answer_what_a_person_must(story: Story) -> None:
    story.sent_in.for_a_person.add("SM1")


def _suppress_a_person(story: Story) -> None:
    story.suppress(2)
    story.mails.clear()


def _answer_a_machine(story: Story) -> None:
    story.sent_in.automatic.add(MAIL.gmail_id)


def _hold_what_was_suppressed(story: Story) -> None:
    story.sent_in.automatic.add(MAIL.gmail_id)
    story.inbox[2] |= {"outcome": "suppressed", "suppress_reason": "auto_reply"}


def _reply_to_a_machine(story: Story) -> None:
    story.sent_in.automatic.add(MAIL.gmail_id)
    story.suppress(2)


def _commit_twice(story: Story) -> None:
    story.turns.append({"turn_id": uuid4(), "message_ids": [story.inbox[0]["inbox_id"]]})


def _answer_what_a_person_has(story: Story) -> None:
    story.end(0, "with_human")


def _fail_without_apology(story: Story) -> None:
    story.end(0, "failed")
    story.messages[0]["turn_state"] = "failed"
    del story.answers[0], story.parts[0]


def _fail_with_an_answer(story: Story) -> None:
    story.end(0, "failed")
    story.messages[0]["turn_state"] = "failed"


def _commit_a_failure(story: Story) -> None:
    story.end(0, "failed")
    story.answers[0]["kind"] = "apology"


def _mix_outcomes(story: Story) -> None:
    story.messages[1]["turn_id"] = story.messages[0]["turn_id"]
    story.end(1, "escalated")


def _need_a_human_for_no_reason(story: Story) -> None:
    story.answers[0] |= {"intent_state": "NEEDS_HUMAN", "provider_id": None}
    del story.parts[0]


def _copy_without_resend(story: Story) -> None:
    story.doubt(0)
    _send_twice(story)


def _copy_twice(story: Story) -> None:
    story.doubt(0)
    story.answers[0]["resends"] = 1
    _send_twice(story)
    story.parts.append(replace(story.parts[0], provider_id="sent a third time"))


def _copy_another_text(story: Story) -> None:
    story.doubt(0)
    story.answers[0]["resends"] = 1
    story.parts.append(replace(story.parts[0], provider_id="sent again", body="something else"))


def _hand_over_another_text(story: Story) -> None:
    story.parts[0] = replace(story.parts[0], body="something else")


def _claim_twice(story: Story) -> None:
    story.answers[1]["provider_id"] = story.answers[0]["provider_id"]
    del story.parts[1]


def _notify_twice(story: Story) -> None:
    address = "form@example.com"
    story.sent_in.claimed.add(address)
    for name in ("notice", "notice again"):
        story.mails.append(Sent(NOW, name, address, "", "There is an answer", "t", ""))
    content = agent_service_pb2.OutboundMessage(text="There is an answer")
    content.recipient.value = address
    story.notices.append(
        {
            "intent_id": uuid4(),
            "message_id": story.answers[3]["message_id"],
            "intent_state": "SENT",
            "provider_id": "notice",
            "content": content.SerializeToString(),
            "resends": 0,
            "attempts": 1,
            "error": None,
        }
    )


@pytest.mark.parametrize(
    ("plant", "fault", "named"),
    [
        (_lose, Fault.LOST, "is not in the inbox"),
        (_store_twice, Fault.DOUBLED, "is 2 messages"),
        (_leave_open, Fault.LOST, "is stored"),
        (_end_oddly, Fault.LOST, "ended as forgotten"),
        (_disagree, Fault.OTHER, "for the agent"),
        (_forget_in_agent, Fault.LOST, "unknown to the agent"),
        (_leave_turn_open, Fault.LOST, "in a turn that is open"),
        (_answer_twice, Fault.DOUBLED, "gave 2 answers"),
        (_not_answer, Fault.LOST, "gave 0 answers"),
        (_leave_gap, Fault.OTHER, "has the numbers [1, 3]"),
        (_answer_later_first, Fault.ORDER, "before an earlier"),
        (_send_twice, Fault.DOUBLED, "one time more"),
        (_not_send, Fault.LOST, "did not get part"),
        (_send_out_of_order, Fault.ORDER, "out of order"),
        (_cancel, Fault.LOST, "ended as CANCELLED"),
        (_leave_unknown, Fault.LOST, "its intent UNKNOWN"),
        (_leave_thread, Fault.OTHER, "no reply to a mail of its turn"),
        (_show_twice, Fault.DOUBLED, "'ours': 2"),
        (_show_nothing, Fault.LOST, "page of ticket"),
        (_take_what_was_refused, Fault.OTHER, "was never accepted"),
        (_take_what_nobody_sent, Fault.OTHER, "nobody sent"),
        (_take_a_form_in_doubt_twice, Fault.DOUBLED, "form 'form 1' is 2 messages"),
        (_give_two_tickets, Fault.OTHER, "two tickets"),
        (_answer_what_a_person_must, Fault.OTHER, "was for a person"),
        (_suppress_a_person, Fault.OTHER, "was suppressed as auto_reply"),
        (_answer_a_machine, Fault.OTHER, "is automatic, but ended as answered"),
        (_hold_what_was_suppressed, Fault.OTHER, "but the agent holds it"),
        (_reply_to_a_machine, Fault.OTHER, "replies to an automatic one"),
        (_commit_twice, Fault.DOUBLED, "in 2 committed turns"),
        (_answer_what_a_person_has, Fault.DOUBLED, "gave 1 answers"),
        (_fail_without_apology, Fault.LOST, "gave 0 answers"),
        (_fail_with_an_answer, Fault.OTHER, "but sent: answer"),
        (_commit_a_failure, Fault.LOST, "in a turn that is committed"),
        (_mix_outcomes, Fault.OTHER, "has the outcomes"),
        (_need_a_human_for_no_reason, Fault.LOST, "without a doubt"),
        (_copy_without_resend, Fault.DOUBLED, "one time more"),
        (_copy_twice, Fault.DOUBLED, "one time more"),
        (_copy_another_text, Fault.DOUBLED, "one time more"),
        (_hand_over_another_text, Fault.OTHER, "something else than part"),
        (_claim_twice, Fault.OTHER, "2 parts claim to be"),
        (_notify_twice, Fault.DOUBLED, "one time more"),
    ],
)
def test_each_fault_is_found(plant: Callable[[Story], None], fault: Fault, named: str) -> None:
    story = Story()
    plant(story)
    problems = judge(story.evidence()).problems
    assert any(problem.fault is fault and named in problem.text for problem in problems), problems


def _leave_acceptance_in_doubt(story: Story) -> None:
    story.sent_in.in_doubt["SM1"] = story.sent_in.whatsapps.pop("SM1")
    story.sent_in.in_doubt["SM9"] = "+12025550009"
    story.sent_in.forms_in_doubt |= {"form 1", "form 2"}
    story.add_form("form 1")


def _batch_two_messages(story: Story) -> None:
    story.messages[1] |= {
        "turn_id": story.messages[0]["turn_id"],
        "end_time": story.messages[0]["end_time"],
    }
    story.turns[0]["message_ids"].append(story.messages[1]["message_id"])
    del story.answers[1], story.parts[1], story.turns[1]


def _hand_to_a_person(story: Story) -> None:
    story.sent_in.for_a_person.add("SM1")
    story.end(0, "with_human")
    del story.answers[0], story.parts[0]


def _escalate(story: Story) -> None:
    story.sent_in.for_a_person.add("SM1")
    story.end(0, "escalated")
    story.answers[0]["kind"] = "escalation_notice"


def _tell_again_that_a_person_has_it(story: Story) -> None:
    story.sent_in.for_a_person |= {"SM1", "SM2"}
    story.end(0, "escalated")
    story.answers[0]["kind"] = "escalation_notice"


def _apologise(story: Story) -> None:
    story.end(0, "failed")
    story.messages[0]["turn_state"] = "failed"
    story.answers[0]["kind"] = "apology"


def _suppress_a_machine(story: Story) -> None:
    story.sent_in.automatic.add(MAIL.gmail_id)
    story.suppress(2)
    story.mails.clear()


@pytest.mark.parametrize(
    "happen",
    [
        _leave_acceptance_in_doubt,
        _batch_two_messages,
        _hand_to_a_person,
        _escalate,
        _tell_again_that_a_person_has_it,
        _apologise,
        _suppress_a_machine,
    ],
)
def test_what_may_happen_is_no_fault(happen: Callable[[Story], None]) -> None:
    story = Story()
    happen(story)
    assert judge(story.evidence()).problems == []


@pytest.mark.parametrize(
    ("state", "resends", "copies", "settled"),
    [
        ("SENT", 0, 0, Settled.WITNESS),
        ("SENT", 1, 0, Settled.RESEND),
        ("SENT", 1, 1, Settled.RESEND),
        ("NEEDS_HUMAN", 0, 1, Settled.NEEDS_HUMAN),
    ],
)
def test_an_unknown_outcome_is_listed_with_how_it_was_settled(
    state: str, resends: int, copies: int, settled: Settled
) -> None:
    story = Story()
    story.doubt(0)
    story.answers[0] |= {"intent_state": state, "resends": resends}
    if state == "NEEDS_HUMAN":
        story.answers[0]["provider_id"] = None
    elif copies:
        _send_twice(story)
    verdict = judge(story.evidence())
    assert verdict.problems == []
    [doubt] = verdict.doubts
    assert (doubt.settled, doubt.extra_copies) == (settled, copies)
    assert doubt.reasons == ("status_503",)


def test_an_attempt_that_died_before_the_send_is_no_resend() -> None:
    story = Story()
    story.doubt(2, "worker died")
    intent_id = story.answers[2]["outbox_id"]
    story.attempts.append({"intent_id": intent_id, "attempt": 2, "outcome": "sent", "detail": None})
    [doubt] = judge(story.evidence()).doubts
    assert doubt.settled is Settled.NOT_SENT
