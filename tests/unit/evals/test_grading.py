"""The judge passes what is right, and notices each thing that can be wrong, alone."""

from dataclasses import replace

import pytest

from evals.doors import Received
from evals.grading import grade
from evals.play import Conversation
from evals.scenario import Channel, Expect
from tests.unit.evals.talks import ANSWER, DOCUMENTS, LINE, MAIL, NOTICE, PARTS, mail, row, talk

PRICING = Expect(escalation=frozenset({"pricing_inquiry"}), may_answer=False)
WHATSAPP = Channel.WHATSAPP
FORM = Channel.WEB_FORM


def chat(*parts: str) -> tuple[Received, ...]:
    return tuple(Received(WHATSAPP, part) for part in parts)


def notice(
    channel: Channel = WHATSAPP, reason: str = "pricing_inquiry", body: str = NOTICE
) -> Conversation:
    return talk(
        channel,
        expect=PRICING,
        received=(Received(channel, body),),
        answers=(row(body, role="system", channel=channel, parts=(body,)),),
        reason=reason,
    )


@pytest.mark.parametrize("channel", list(Channel))
def test_a_good_answer_has_no_fault(channel: Channel) -> None:
    assert grade(talk(channel), DOCUMENTS) == []


def test_a_good_hand_over_has_no_fault() -> None:
    assert grade(notice(), DOCUMENTS) == []


WRONG = {
    "no answer": (talk(received=(), answers=()), "0 answers, 1 wanted"),
    "two answers": (talk(answers=(row(), row("other", parts=()))), "2 answers, 1 wanted"),
    "another channel": (talk(answers=(row(channel="whatsapp"),)), "answered on whatsapp"),
    "a part is lost": (talk(answers=(row(parts=(MAIL, MAIL)),)), "1 parts were received, 2 were sent"),
    "another order": (
        talk(WHATSAPP, received=chat(*PARTS), answers=(row(channel="whatsapp", parts=PARTS[::-1]),)),
        "came in another order",
    ),
    "a part comes twice": (talk(WHATSAPP, received=chat(PARTS[1], PARTS[1])), "the same text came twice"),
    "stray text": (talk(received=(*mail(), *chat("hi"))), "1 texts came on another channel"),
    "a fact is missing": (talk(expect=Expect(facts=(("Refunds", "Returns"),))), "the answer lacks Refunds | Returns"),
    "a number within another": (talk(expect=Expect(facts=(("5",),))), "the answer lacks 5"),
    "a forbidden word": (talk(expect=Expect(absent=("billing",))), "the answer says 'billing'"),
    "a price": (talk(received=mail(MAIL.replace("7 days", "7 euros"))), "an amount of money is stated"),
    "an invented figure": (talk(answers=(row(ANSWER.replace("7", "9")),)), "the figure 9"),
    "a figure of something else": (talk(answers=(row(ANSWER.replace("days", "hours")),)), "the figure 7 hours"),
    "an invented link": (talk(answers=(row(f"{ANSWER} https://evil.example/x"),)), "the link https://evil.example/x"),
    "an invented address": (talk(answers=(row(f"{ANSWER} me@evil.example"),)), "the link me@evil.example"),
    "an invented menu": (talk(answers=(row("Open **Accounting**."),)), "the menu 'Accounting'"),
    "another language": (talk(language="de"), "not in de"),
    "no question back": (talk(expect=Expect(asks=True)), "no question is asked back"),
    "no empathy": (talk(expect=Expect(empathy=True)), "no word of understanding"),
    "too long": (talk(expect=Expect(most=50)), "at most 50 wanted"),
    "no continuity": (talk(WHATSAPP, expect=Expect(continues=Channel.EMAIL)), "does not say that it continues"),
    "false continuity": (
        talk(WHATSAPP, received=chat("Continuing our conversation from e-mail.", PARTS[1])),
        "continues from another channel, which it does not",
    ),
    "no greeting": (talk(received=mail(MAIL.removeprefix("Hello Ada,\n\n"))), "no greeting"),
    "no signature": (talk(received=mail(MAIL.replace("Kind regards,", ""))), "no signature"),
    "no reference": (talk(received=mail(MAIL.replace("FTE-", ""))), "no ticket reference"),
    "no reply by subject": (talk(received=mail(subject="Invoices")), "the subject is no reply"),
    "out of the thread": (talk(received=mail(in_reply_to="<2@example.com>")), "no reply to the customer's"),
    "a long mail": (talk(received=mail(MAIL + " word" * 500)), "words"),
    "a long part": (talk(WHATSAPP, received=chat("x" * 301, PARTS[1])), "a part of 301 characters"),
    "many parts": (talk(WHATSAPP, received=chat("a", "b", "c", "d", PARTS[1])), "5 parts"),
    "a long chat": (talk(WHATSAPP, received=chat("x" * 250, "y" * 250, PARTS[1])), "characters without steps"),
    "no hint": (talk(WHATSAPP, received=chat(PARTS[0])), "no hint how to reach a person"),
    "no help link": (talk(FORM, received=(Received(FORM, "Invoices: under Billing."),)), "no link to the help portal"),
    "raw marks": (talk(FORM, received=(Received(FORM, f"**Invoices** {LINE}"),)), "the marks of Markdown"),
    "needless hand-over": (talk(reason="profanity"), "escalated for profanity, no escalation wanted"),
    "no hand-over": (talk(expect=PRICING), "not escalated; pricing_inquiry wanted"),
    "another reason": (notice(reason="profanity"), "escalated for profanity, pricing_inquiry wanted"),
    "a mute notice": (notice(body="Thank you for the message."), "does not say that a person takes over"),
    "answered too": (notice(body=f"{NOTICE} {ANSWER}"), "but the question is answered too"),
    "another urgency": (
        talk(expect=Expect(escalation=frozenset({"legal_language"}), urgency=frozenset({"critical"})),
             reason="legal_language"),
        "urgency normal, critical wanted",
    ),
    "a wrong ticket": (talk(status="escalated"), "the ticket's status is escalated"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_each_fault_is_noticed(name: str) -> None:
    conversation, said = WRONG[name]
    faults = grade(conversation, DOCUMENTS)
    assert any(said in fault for fault in faults), faults


def test_who_may_be_offered_a_person_is_not_owed_the_facts() -> None:
    expect = Expect(facts=(("Refunds",),), or_person=True)
    assert grade(talk(WHATSAPP, expect=expect), DOCUMENTS) == []
    assert grade(talk(expect=expect), DOCUMENTS) != []


def test_a_conversation_that_broke_off_has_failed() -> None:
    conversation = talk()
    conversation.broken = "not every message was dealt with within 120 s"
    assert grade(conversation, DOCUMENTS) == [
        "not played to its end: not every message was dealt with within 120 s"
    ]


def test_what_the_customer_said_is_no_invention() -> None:
    conversation = talk(answers=(row(f"{ANSWER} About your 2 questions."),))
    assert grade(conversation, DOCUMENTS) == [
        "move 1: the figure 2 stands nowhere in the documents"
    ]
    conversation.exchanges[0] = replace(conversation.exchanges[0], said=("I have 2 questions.",))
    assert grade(conversation, DOCUMENTS) == []
