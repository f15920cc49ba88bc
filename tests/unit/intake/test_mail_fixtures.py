"""Realistic mails of our own: each file is read as expected.json says."""

import json
from pathlib import Path

import pytest

from services.intake.application.mail import read_mail
from services.intake.application.mail_kinds import kind

FOLDER = Path(__file__).resolve().parents[2] / "fixtures" / "mail"
EXPECTED: dict[str, dict[str, object]] = json.loads(
    (FOLDER / "expected.json").read_text(encoding="utf-8")
)
_FOLDED = ("text", "hidden", "signature")


def test_every_file_is_expected() -> None:
    assert {file.stem for file in FOLDER.glob("*.eml")} == set(EXPECTED)


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_a_mail_is_read_as_it_should(name: str) -> None:
    mail = read_mail((FOLDER / f"{name}.eml").read_bytes())
    found: dict[str, object] = {
        "mail_class": kind(mail, frozenset(), "support@example.com").mail_class.value,
        "dmarc": mail.dmarc,
        "sender": mail.sender,
        "sender_name": mail.sender_name,
        "subject": mail.subject,
        "references": list(mail.references),
        "attachments": [[one.name, one.content_type, one.size] for one in mail.attachments],
        **{field: " ".join(getattr(mail, field).split()) for field in _FOLDED},
    }
    assert {key: found[key] for key in EXPECTED[name]} == EXPECTED[name]
