"""The checker finds each kind of planted fault; without one it finds nothing. Needs no stack."""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from uuid import uuid4

import pytest

from cli.outside import Line, Sent
from drill.checker import judge
from drill.verdict import Fault
from fte.agent.v1 import agent_service_pb2
from tests.e2e.checker_story import MAIL, NOW, TICKET, Story


def test_a_clean_story_has_no_problem() -> None:
    verdict = judge(Story().evidence())
    assert verdict.problems == []
    assert verdict.doubts == []
    assert (verdict.messages, verdict.turns, verdict.answers, verdict.parts) == (4, 4, 4, 4)


def test_a_notice_to_wait_is_no_answer_and_no_fault() -> None:
    story = Story()
    story.tell_to_wait(9)
    assert judge(story.evidence()).problems == []


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


def _tell_to_wait_twice(story: Story) -> None:
    story.tell_to_wait(9)
    story.tell_to_wait(10)


def _not_answer(story: Story) -> None:
    del story.answers[0], story.parts[0]


def _leave_gap(story: Story) -> None:
    story.inbox[1]["inbox_seq"] = 3


def _answer_later_first(story: Story) -> None:
    story.messages[1]["end_time"] = NOW


def _send_twice(story: Story) -> None:
    story.send_twice(0)


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
        (_tell_to_wait_twice, Fault.DOUBLED, "was told to wait twice"),
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
