"""Mails that people wrote: hardly one may be taken for a machine's, and what they wrote is found in them."""

import json

import pytest

from services.intake.application.mail import read_mail
from services.intake.application.mail_kinds import suppress_reason
from tests.evals.human_mails import OURS, human_mails

MAILS = human_mails()
# One mail in two hundred.
SUPPRESSED = 0.005
EXACT = 0.98


def test_there_are_enough_and_each_is_another() -> None:
    assert len(MAILS) >= 300
    assert len({mail.own for mail in MAILS}) == len(MAILS)
    assert len({mail.client for mail in MAILS}) >= 60


def test_a_persons_mail_is_not_taken_for_a_machines(capsys: pytest.CaptureFixture[str]) -> None:
    suppressed = [
        f"{mail.mail_id} {mail.client} {reason}"
        for mail in MAILS
        if (reason := suppress_reason(read_mail(mail.raw), frozenset(), OURS)) is not None
    ]
    with capsys.disabled():
        print(json.dumps({"human_mails": len(MAILS), "suppressed": suppressed}))
    assert len(suppressed) <= SUPPRESSED * len(MAILS), suppressed


def test_what_a_person_wrote_anew_is_found_whole(capsys: pytest.CaptureFixture[str]) -> None:
    differing = [
        f"{mail.mail_id} {mail.client}"
        for mail in MAILS
        if read_mail(mail.raw).text.split() != mail.own.split()
    ]
    with capsys.disabled():
        print(json.dumps({"human_mails": len(MAILS), "text_differs": differing}))
    assert len(differing) <= (1 - EXACT) * len(MAILS), differing


def test_nothing_of_a_persons_mail_is_taken_for_hidden_or_too_much() -> None:
    read = [read_mail(mail.raw) for mail in MAILS]
    assert [mail.sender for mail in read if mail.hidden or mail.limits] == []
    assert all(mail.sender and mail.dmarc_passed for mail in read)
