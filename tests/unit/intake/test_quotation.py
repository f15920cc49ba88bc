"""What a sender wrote anew: announcements, headers and signatures of many programs, and what only looks like them."""

import pytest

from services.intake.domain.quotation import cut, without_quotation


@pytest.mark.parametrize(
    ("text", "own"),
    [
        ("Answer\n\nBob <bob@x.example> wrote:\n\nold text", "Answer"),
        ("Answer\n\nOn 3/1/16, Bob <b@x.example> wrote:\n\nold", "Answer"),
        ("Answer\nOn 2016-03-01 Bob wrote\n> old", "Answer"),
        ("Answer\n\nBob/ACME wrote on 03/02/2026 10:14:00:\n\nold", "Answer"),
        ("Answer\n\nAda schrieb am Mo., 2. März 2026, 10:14:\n\n> alt", "Answer"),
        ("merci\n\nLe lun. 2 mars 2026 à 10:14, Ada <a@b.example> a écrit :\nvieux", "merci"),
        ("Hello\n\n2026-03-02 10:14 GMT+01:00 Bob <b@x.example>:\n\n> q", "Hello"),
        ("Hello\n\n2026-03-02 10:14 GMT+01:00 Bob <b@x.example>:\nq", "Hello"),
        ("Hello\n\n2026年3月2日(月) 10:14 田中 <t@x.example>:\n\nq", "Hello"),
        ("Hi\n\n--- On Mon, 3/1/16, Bob <b@x.example> wrote:\n\nFrom: Bob\n\nold", "Hi"),
        ("Hi\n\n---- On Mon, 02 Mar 2026 10:14 Bob <b@x.example> wrote ----\n\nold", "Hi"),
        ("ja\n\nVon: Acme\nGesendet: Montag, 2. März 2026 10:14\nAn: Tom\nBetreff: x\n\nalt", "ja"),
        ("да\n\nОт: Ада\nОтправлено: 2 марта 2026 г. 10:14\nКому: Том\n\nстарое", "да"),
        ("ja\n\n*Von:* Bob <b@x.example>\n*Gesendet:* Montag\n*An:* Ada\n", "ja"),
        ("ok\n\n##- Please type your reply above this line -##\n\nTicket 12", "ok"),
        ("ok\n\n----- Mail original -----\nDe: a@b.example\nEnvoyé: Lundi 2 Mars 2026\n", "ok"),
        ("Thanks.\n\n> -----Original Message-----\n> From: x\n> old\n", "Thanks."),
        ("> old text\n> more\n\nmy answer below", "my answer below"),
        ("See you at 10:30\nOn Mon, 2 Mar 2026, Bob <b@x.example> wrote:\n> q", "See you at 10:30"),
        ("Sure\n\nSent from Nylas\n", "Sure"),
        ("Sure\n\nVon meinem iPhone gesendet", "Sure"),
        ("Sure\n-- \nBob\n+49 30 1234", "Sure"),
        ("Sure\n\n----------\nBob Smith\nHead of Sales\n+49 30 1234567", "Sure"),
        ("CAUTION: This email originated from outside. Do not click links.\n\nHello", "Hello"),
    ],
)
def test_what_is_repeated_or_added_is_cut(text: str, own: str) -> None:
    assert without_quotation(text).split() == own.split()


@pytest.mark.parametrize(
    "text",
    [
        "Please change my booking:\nFrom: Berlin\nTo: Munich\nDate: 03.05.2026 10:30\nThanks",
        "Date: 2026-03-02\nFrom: Berlin\nTo: Rome\nplease",
        "Please change\nfrom: old@x.example\nto: new@x.example",
        "Message: Hello\nName: Bob\nEmail: bob@x.example\nPhone: 123",
        "Two problems.\n1. export\n--\n2. import does not work either, why?",
        "I wrote to bob@x.example on 2 March 2026 at 10:00 the following:\nplease call",
        "On 2 March 2026 at 10:00 your colleague wrote this to me: call us",
        "I sent from my phone.",
        "My list:\n-----\nApples\nPears",
        "Two accounts:\n-----\na@x.example\nb@x.example\nWhich one is the right one?",
        "Sent from my desk, is much easier than my phone.",
        'Your docs say:\n> "Backups are kept."\nIs that true?',
    ],
)
def test_what_only_looks_like_it_stays(text: str) -> None:
    assert without_quotation(text).split() == text.split()


def test_the_parts_are_kept_apart() -> None:
    found = cut("Hello\n\nOn 2 Mar 2026, Bob wrote:\n> q1\n> q2\n\n-- \nAda")
    assert (found.own, found.signature) == ("Hello", "--\nAda")
    assert "q2" in found.quoted


def test_of_a_forwarded_mail_alone_its_own_quotation_goes() -> None:
    forwarded = (
        "From: Bob <b@x.example>\nSubject: Old\n\nSee below.\n\nOn 1 Mar 2026, Cy wrote:\n> older"
    )
    found = cut(forwarded)
    assert found.own.endswith("See below.")
    assert "older" in found.quoted


@pytest.mark.parametrize(
    "line",
    ["> x", "From: x", "On Mon wrote", "--", "_____", ":", "10:30 :", "Sent from my iPhone", "a@"],
)
def test_many_lines_of_one_kind_are_read_up_to_a_limit(line: str) -> None:
    found = cut(f"Hello\n\n{line}\n" + f"{line}\n" * 30_000)
    assert found.own.startswith(("Hello", line))
