"""The prompts: files beside the code, and the company's voice from its own folder.

The system prompt is the same bytes in every turn of a process, so that a provider can cache it; what changes with
the turn comes after it.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from string import Template

from services.agent.domain.skeleton import visible
from services.agent.domain.turn import Turn

_FOLDER = Path(__file__).resolve().parent.parent / "prompts"
_COMPANY_FILES = ("brand-voice.md", "escalation-rules.md")


@dataclass(frozen=True, slots=True)
class Prompts:
    """The text that starts every turn, and the note that starts this one."""

    system: str
    turn: Template

    def note(self, turn: Turn) -> str:
        """Returns the system's note of one turn; it carries nothing that the customer wrote but name and subject."""
        return self.turn.substitute(
            channel=turn.channel.value,
            customer=_line(turn.display_name) or "unknown",
            conversation="new" if turn.new_conversation else str(turn.conversation_id),
            ticket=turn.ticket_reference or "none yet",
            subject=_line(turn.ticket_subject) or "none yet",
            previous_channel=turn.previous_channel.value if turn.previous_channel else "none",
            state="a person already has this ticket; answer only a new, plain question"
            if turn.escalated
            else "open",
        )


def load_prompts(company: Path | None = None) -> Prompts:
    """Reads the prompts; `company` is the context folder whose voice and rules are appended, if they exist."""
    system = (_FOLDER / "system.md").read_text(encoding="utf-8")
    for name in _COMPANY_FILES:
        path = company / name if company else None
        if path is not None and path.is_file():
            system += "\n" + _without_front_matter(path.read_text(encoding="utf-8"))
    return Prompts(system, Template((_FOLDER / "turn.md").read_text(encoding="utf-8")))


def _without_front_matter(text: str) -> str:
    parts = text.split("---\n", 2)
    return parts[2] if text.startswith("---\n") and len(parts) == 3 else text  # noqa: PLR2004


def _line(text: str) -> str:
    """What somebody else wrote, as one short JSON text that its words cannot end; empty for nothing."""
    line = " ".join(visible(text).split())[:120]
    return json.dumps(line, ensure_ascii=False) if line else ""
