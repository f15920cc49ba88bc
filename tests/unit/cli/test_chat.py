"""`fte chat` without a stack: lines in, answers out, and an exit code that says whether all were answered."""

import io
from collections.abc import Sequence

import pytest

from cli import chat
from cli.chat import ChatError, correspond, recite
from cli.outside import Outside

SETTINGS = {
    "FTE_PUBLIC_URL": "http://127.0.0.1:1",
    "FTE_GMAIL_API_URL": "http://127.0.0.1:1",
    "FTE_TWILIO_API_URL": "http://127.0.0.1:1",
    "FTE_TWILIO_ACCOUNT_SID": "AC",
    "FTE_TWILIO_AUTH_TOKEN": "token",
    "FTE_TWILIO_WHATSAPP_FROM": "+14155238886",
}


class Echo:
    """Answers each line in two parts, but never the word silence."""

    def __init__(self) -> None:
        self._waiting: list[str] = []

    async def write(self, text: str) -> None:
        if text != "silence":
            self._waiting += [f"{text}, part one\nof it", f"{text}, part two"]

    async def read(self) -> Sequence[str]:
        return [self._waiting.pop(0)] if self._waiting else []


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chat, "ANSWER_SECONDS", 0.2)
    monkeypatch.setattr(chat, "QUIET_SECONDS", 0.1)
    monkeypatch.setattr(chat, "_POLL_SECONDS", 0.01)


async def test_each_line_is_followed_by_its_whole_answer(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert await recite(Echo(), io.StringIO("one\n\n  two  \n")) == 0
    assert capsys.readouterr().out.splitlines() == [
        "> one",
        "< one, part one",
        "< of it",
        "< one, part two",
        "> two",
        "< two, part one",
        "< of it",
        "< two, part two",
    ]


async def test_a_line_without_an_answer_is_a_failure(capsys: pytest.CaptureFixture[str]) -> None:
    assert await recite(Echo(), io.StringIO("silence\none\n")) == 1
    said = capsys.readouterr()
    assert "no answer" in said.err
    assert "< one, part two" in said.out


@pytest.mark.parametrize(
    ("channel", "person"),
    [("whatsapp", "ada@example.com"), ("email", "+15550100"), ("pigeon", "ada@example.com")],
)
async def test_a_person_who_does_not_fit_the_channel_is_refused(channel: str, person: str) -> None:
    async with Outside(SETTINGS) as outside:
        with pytest.raises(ChatError, match="give an address such as"):
            await correspond(outside, channel, person)
