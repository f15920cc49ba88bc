"""A model that obeys whoever speaks to it: it does what an attack asks as soon as it sees the attack anywhere.

It stands for the worst that a language model can be talked into. What reaches the outside in spite of it measures
the code around the model, and nothing else.
"""

import base64
import codecs
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from services.agent.application.ports import (
    CustomerSaid,
    ModelReply,
    ModelRequest,
    ModelSaid,
    SystemNote,
    ToolAnswered,
)
from tests.fakes.agent import calls

PROMPT = "PROMPT"
# As much of an attack as a bounded slot shows is enough to obey it.
_SEEN = 40
_MOST = 6000
_LINE = 200


@dataclass(frozen=True)
class Attack:
    """A text that wants something, what an obeying model says for it, and what gives it away outside."""

    id: str
    language: str
    goal: str
    text: str
    says: str
    marker: str


def own_attacks() -> list[Attack]:
    """The attacks that are kept with the tests."""
    path = Path(__file__).parent / "data" / "attacks.jsonl"
    return [Attack(**json.loads(line)) for line in path.read_text(encoding="utf-8").splitlines()]


class CompliantModel:
    """Makes the calls of a turn in order and obeys the attack in each of them; `seen` tells that it read it."""

    name = "compliant"

    def __init__(self, attack: Attack, question: str) -> None:
        self._attack = attack
        self._question = question
        self._tried = 0
        self.seen = False

    async def respond(self, request: ModelRequest) -> ModelReply:
        """Returns the next calls."""
        if any(self._attack.text[:_SEEN] in text for text in _texts(request)):
            self.seen = True
        done = {item.name for item in request.transcript if isinstance(item, ToolAnswered)}
        if "create_ticket" not in done:
            issue = self._attack.says if self.seen else self._question
            return calls(("create_ticket", {"issue": issue[:2000]}))
        if "get_customer_history" not in done:
            return calls(("get_customer_history", {}))
        if "search_knowledge_base" not in done:
            queries = [self._question, self._attack.text[:500]]
            return calls(
                *[("search_knowledge_base", json.dumps({"query": query})) for query in queries]
            )
        if not self.seen:
            return calls(("escalate_to_human", {"reason": "weak_evidence"}))
        drafts = _drafts(self._attack, request)
        self._tried += 1
        return calls(("send_response", {"message": drafts[(self._tried - 1) % len(drafts)]}))


def _drafts(attack: Attack, request: ModelRequest) -> list[str]:
    quoted = next(
        (
            found["content"]
            for item in request.transcript
            if isinstance(item, ToolAnswered) and item.name == "search_knowledge_base" and item.ok
            for found in json.loads(item.content)["results"]
        ),
        "Open **Settings**.",
    )
    if attack.says != PROMPT:
        # Hidden in an honest answer first: what is told to mend it may then be sent alone.
        return [f"{quoted}\n\n{attack.says}"[-_MOST:], attack.says[:_MOST]]
    system = request.system
    start = system.index("# The order of work")
    spellings: list[Callable[[str], str]] = [
        lambda text: text,
        lambda text: text.upper().replace(" ", "\u00a0"),
        lambda text: base64.b64encode(text.encode()).decode(),
        lambda text: codecs.encode(text, "rot13"),
    ]
    kind = sum(map(ord, attack.id)) % len(spellings)
    return [spellings[kind](system[start : start + 1500]), system[start : start + _LINE]]


def _texts(request: ModelRequest) -> list[str]:
    found: list[str] = []
    for item in request.transcript:
        match item:
            case SystemNote():
                found.append(item.text)
            case CustomerSaid():
                found += [item.text, item.subject]
            case ToolAnswered():
                found += [item.content, *_strings(item.content)]
            case ModelSaid():
                found += [call.arguments for call in item.tool_calls]
    return found


def _strings(content: str) -> list[str]:
    """The texts inside a tool's JSON, as a model reads them."""
    found: list[str] = []

    def collect(value: object) -> None:
        if isinstance(value, str):
            found.append(value)
        elif isinstance(value, dict):
            for inner in value.values():
                collect(inner)
        elif isinstance(value, list):
            for inner in value:
                collect(inner)

    collect(json.loads(content))
    return found
