"""Mails on public data: automatic ones get no answer, quotation is cut, nothing crashes.

`automatic-mails` (sisimai/set-of-emails, BSD 2-Clause): 629 mails that machines sent. `quoted-replies`: bodies of
mailgun/talon (Apache 2.0), alfonsrv/mail-parser-reply and github/email_reply_parser (MIT). What is right in the last two
is written in data/quoted-replies-own.json as ranges of lines, for they come without expected texts.
"""

import json
import os
import random
from collections import Counter
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path

import pytest

from services.intake.adapters.mail_reader import ProcessMailReader
from services.intake.application.mail import read_mail
from services.intake.application.mail_kinds import kind, suppress_reason
from services.intake.domain.plain_text import tidy
from services.intake.domain.quotation import cut
from tests.evals.human_mails import OURS

pytestmark = [pytest.mark.corpora, pytest.mark.timeout(1800)]

NOT_ANSWERED = 0.99
MUTATED = 5_000
OWN = Path(__file__).parent / "data" / "quoted-replies-own.json"
# What libraries reach on the same expectations, with or without a signature in their answer, whichever fits:
# mail-parser-reply 1.36 (seven languages) and email-reply-parser 0.5.12.
BEST_LIBRARY = {"mail-parser-reply": 37, "email_reply_parser": 17}


@pytest.fixture(scope="module")
def corpora() -> Path:
    return Path(os.environ["FTE_CORPORA"])


def mails(folder: Path) -> list[Path]:
    return sorted((folder / "automatic-mails").rglob("*.eml"))


def test_machines_get_no_answer(corpora: Path, capsys: pytest.CaptureFixture[str]) -> None:
    kinds: Counter[str] = Counter()
    answered = []
    files = mails(corpora)
    for file in files:
        mail = read_mail(file.read_bytes())
        kinds[kind(mail, frozenset(), OURS).mail_class] += 1
        if suppress_reason(mail, frozenset(), OURS) is None:
            answered.append(file.name)
    with capsys.disabled():
        print(json.dumps({"automatic_mails": len(files), "answered": answered, "classes": kinds}))
    assert len(files) == 629
    assert len(answered) <= (1 - NOT_ANSWERED) * len(files), answered


def every_file(folder: Path) -> Iterator[bytes]:
    for name in ("automatic-mails", "quoted-replies", "bipia"):
        for file in sorted((folder / name).rglob("*")):
            if file.is_file():
                yield file.read_bytes()


async def test_every_public_mail_is_read(corpora: Path) -> None:
    reader = ProcessMailReader()
    count = 0
    for raw in every_file(corpora):
        mail = await reader.read(raw)
        json.dumps([mail.text, mail.subject, mail.sender]).encode()
        count += 1
    await reader.close()
    assert count >= 700


def mutated(raw: bytes, other: bytes, draw: random.Random) -> bytes:
    """Spoils a mail in one to four ways: bytes changed, lines doubled, moved or lost, a piece of another mail put in."""
    data = bytearray(raw)
    for _ in range(draw.randint(1, 4)):
        at, length = draw.randrange(len(data) + 1), draw.choice((1, 8, 80, 800))
        match draw.randrange(6):
            case 0:
                data[at : at + length] = draw.randbytes(length)
            case 1:
                del data[at : at + length]
            case 2:
                data[at:at] = data[at : at + length] * draw.choice((2, 50))
            case 3:
                start = draw.randrange(len(other) + 1)
                data[at:at] = other[start : start + length]
            case 4:
                data[at:at] = draw.choice(
                    (
                        b"\r\n\r\n",
                        b"\n--",
                        b"=?utf-8?b?",
                        b"<",
                        b"\0",
                        b"boundary=",
                        b"\xff\xfe",
                        b">>>> ",
                    )
                )
            case _:
                data = data.replace(
                    b"\n", draw.choice((b"\r", b"\r\r\n", b"\n\n")), draw.randint(1, 20)
                )
    return bytes(data)


async def test_spoilt_public_mails_are_read_within_time_and_memory(corpora: Path) -> None:
    """The worker gives up on none, so none took its ten seconds or its memory."""
    draw = random.Random(20260302)  # noqa: S311 - repeatable, not secret
    raws = list(every_file(corpora))
    reader = ProcessMailReader()
    for _ in range(MUTATED):
        mail = await reader.read(mutated(draw.choice(raws), draw.choice(raws), draw))
        json.dumps([mail.text, mail.quoted, mail.subject, mail.sender, mail.hidden]).encode()
    await reader.close()


def folded(text: str) -> str:
    return " ".join(text.split())


@pytest.mark.parametrize("project", list(BEST_LIBRARY))
def test_quotation_is_cut_from_plain_bodies(
    project: str, corpora: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    expected = {k: v for k, v in json.loads(OWN.read_text()).items() if k.startswith(project)}
    wrong = []
    for name, spans in expected.items():
        text = tidy((corpora / "quoted-replies" / name).read_bytes().decode("utf-8", "replace"))
        lines = text.split("\n")
        own = "\n".join(line for start, end in spans for line in lines[start:end])
        if folded(cut(text).own) != folded(own):
            wrong.append(name)
    with capsys.disabled():
        print(json.dumps({project: len(expected), "wrong": wrong}))
    assert len(expected) - len(wrong) >= BEST_LIBRARY[project], wrong


def test_quotation_is_cut_from_the_mails_of_many_programs(corpora: Path) -> None:
    folder = corpora / "quoted-replies" / "talon" / "standard_replies"
    files = sorted(folder.glob("*.eml"))
    assert len(files) == 12
    for file in files:
        mail = read_mail(file.read_bytes())
        assert mail.text == "Hello", file.name
        told = file.with_name(f"{file.stem}_reply_text")
        if told.exists():
            # There the signature counts as a part of the reply; here it is found apart.
            assert folded(f"{mail.text} {mail.signature}") == folded(told.read_text()), file.name


def html_mail(file: Path) -> bytes:
    mail = EmailMessage()
    mail["From"] = "ada@example.com"
    mail.set_content(file.read_bytes().decode("utf-8", "replace"), subtype="html")
    return mail.as_bytes()


def test_quotation_is_cut_from_html(corpora: Path) -> None:
    folder = corpora / "quoted-replies" / "talon"
    files = sorted((folder / "html_replies").glob("*.html"))
    assert len(files) == 9
    for file in files:
        assert folded(read_mail(html_mail(file)).text) == "Hi. I am fine. Thanks, Alex", file.name
    assert read_mail(html_mail(folder / "OLK_SRC_BODY_SECTION.html")).text == "Reply"
    ruled = folded(read_mail(html_mail(folder / "reply-separated-by-hr.html")).text)
    assert ruled.startswith("Hi there")
    assert "Hello" not in ruled
    shared = read_mail((folder / "reply-quotations-share-block.eml").read_bytes()).text
    assert shared
    assert "From" not in shared
