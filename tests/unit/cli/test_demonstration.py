"""What the demonstration accepts as an answer, and what it does not."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from cli.demonstration import PRICE, check_form, check_mail, check_whatsapp, quotes
from cli.outside import Line, Mail, Sent

NOW = datetime(2026, 11, 24, tzinfo=UTC)
DOCUMENTS = "### Reset\n\n1. Open **Account settings** and select *Change password* at the top."
QUOTE = "Open Account settings and select Change password at the top."
WRITTEN = Mail("gmail1", "thread1", "<m1@example.com>")
REPLY = Sent(
    NOW, "s1", "ada@example.com", "Re: Cannot sign in", QUOTE, "thread1", "<m1@example.com>"
)
NOTICE = replace(
    REPLY, subject="Your request was answered", thread_id="t2", in_reply_to="", body=""
)
FIRST = Sent(NOW, "w1", "+15550100", "", f"Continuing from your e-mail: {QUOTE}", "", "")
LAST = replace(FIRST, provider_id="w2", body='More? Reply here or write "human" for a person.')
ESCALATED = Line("system", "A specialist from our team will answer you here.", NOW)


def test_one_reply_in_the_thread_is_an_answer_and_a_notice_is_none() -> None:
    found = check_mail([REPLY, NOTICE], WRITTEN, DOCUMENTS)
    assert (found.answers, found.problems) == (1, [])


@pytest.mark.parametrize(
    ("mails", "answers"),
    [
        ([], 0),
        ([REPLY, REPLY], 2),
        ([NOTICE], 0),
    ],
)
def test_answers_to_a_mail_are_counted(mails: list[Sent], answers: int) -> None:
    assert check_mail(mails, WRITTEN, DOCUMENTS).answers == answers


@pytest.mark.parametrize(
    "mails",
    [
        [replace(REPLY, in_reply_to="")],
        [replace(REPLY, subject="Cannot sign in")],
        [replace(REPLY, body="I do not know.")],
        [REPLY, replace(REPLY, thread_id="t2")],
        [REPLY, NOTICE, NOTICE],
    ],
)
def test_wrong_mails_are_named(mails: list[Sent]) -> None:
    assert check_mail(mails, WRITTEN, DOCUMENTS).problems


def test_parts_of_one_whatsapp_answer_are_one() -> None:
    found = check_whatsapp([FIRST, LAST], DOCUMENTS)
    assert (found.answers, found.problems) == (1, [])


@pytest.mark.parametrize(
    ("parts", "named"),
    [
        ([replace(FIRST, body=QUOTE), LAST], "continue"),
        ([FIRST, FIRST, LAST], "twice"),
        ([FIRST, replace(LAST, body=f"{'x' * 300} human")], "characters"),
        ([replace(FIRST, body=f"{n} {FIRST.body}") for n in range(4)] + [LAST], "parts"),
        ([replace(LAST, body='By e-mail. Write "human".')], "documents"),
    ],
)
def test_wrong_whatsapp_answers_are_named(parts: list[Sent], named: str) -> None:
    assert any(named in problem for problem in check_whatsapp(parts, DOCUMENTS).problems)


def test_two_whatsapp_answers_are_two() -> None:
    assert check_whatsapp([FIRST, LAST, replace(LAST, body="Or human.")], DOCUMENTS).answers == 2


def test_a_notice_without_a_price_is_an_escalation() -> None:
    assert check_form([ESCALATED]).problems == []


@pytest.mark.parametrize(
    "line",
    [
        replace(ESCALATED, role="ai"),
        replace(ESCALATED, text="Thank you."),
        replace(ESCALATED, text="Our team says: $20 a month."),
    ],
)
def test_wrong_lines_of_the_form_are_named(line: Line) -> None:
    assert check_form([line]).problems


@pytest.mark.parametrize("text", ["$20", "20 EUR", "€ 1,200.50", "about 15 dollars", "USD 9"])
def test_prices_are_seen(text: str) -> None:
    assert PRICE.search(text)


@pytest.mark.parametrize("text", ["within 24 hours", "FTE-12345678", "the Pro plan", "europe 5"])
def test_other_figures_are_no_prices(text: str) -> None:
    assert not PRICE.search(text)


def test_quotation_ignores_marks_but_not_words() -> None:
    assert quotes(QUOTE, DOCUMENTS)
    assert not quotes("Open your Account and settings select password Change", DOCUMENTS)
