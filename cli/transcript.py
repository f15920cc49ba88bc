"""Owns how a conversation over several channels is printed: who speaks, where, when, what."""

import textwrap
from datetime import UTC, datetime
from typing import Final

_WIDTH: Final = 92
_INDENT: Final = "      "


class Transcript:
    """Prints lines with the seconds since the first one, so that waiting can be seen."""

    def __init__(self) -> None:
        self._start = datetime.now(UTC)

    def customer(self, name: str, channel: str, text: str) -> None:
        """Prints what a customer writes now."""
        self._print(f"{name} by {channel}", text, datetime.now(UTC))

    def answer(self, speaker: str, channel: str, text: str, time: datetime) -> None:
        """Prints what the customer received at `time`."""
        self._print(f"{speaker} by {channel}", text, time)

    def note(self, text: str) -> None:
        """Prints something that nobody says."""
        print(f"{_INDENT}({text})\n", flush=True)

    def _print(self, who: str, text: str, time: datetime) -> None:
        seconds = (time - self._start).total_seconds()
        print(f"{time:%H:%M:%S} {seconds:+6.1f} s  {who}")
        for paragraph in text.strip().splitlines():
            wrapped = textwrap.wrap(
                paragraph, _WIDTH, break_long_words=False, break_on_hyphens=False
            )
            print("\n".join((_INDENT + line).rstrip() for line in wrapped or [""]))
        print(flush=True)
