"""What may happen in a drill is no fault to the checker, and what nobody knows at first is listed. Needs no stack."""

from collections.abc import Callable

import pytest

from drill.checker import judge
from drill.verdict import Settled
from tests.e2e.checker_story import MAIL, Story


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
        story.send_twice(0)
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
