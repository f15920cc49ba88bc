"""The model port without a model: a policy that reads the transcript, makes the calls in order and quotes the docs.

It says nothing that does not stand in a section found in this turn, except courtesies.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from services.agent.application.ports import (
    CustomerSaid,
    ModelReply,
    ModelRequest,
    ModelSaid,
    ToolAnswered,
    ToolRequest,
)
from services.agent.domain import quoting, sentiment
from services.agent.domain.category_words import category_of
from services.agent.domain.formatting import is_reply
from services.agent.domain.language import language_of
from services.agent.domain.own_text import own_text
from services.agent.domain.reading import asked
from services.agent.domain.terms import terms
from services.agent.domain.turn import DEFAULT_LANGUAGE

# Questions of one batch that are searched for; further ones are named as open.
SEARCHED_QUESTIONS = 6
_UPSET = -0.15
_Call: TypeAlias = tuple[str, dict[str, object]]


@dataclass(frozen=True, slots=True)
class _Search:
    query: str
    results: tuple[quoting.Found, ...]


class OfflinePolicy:
    """Answers from the knowledge base or hands over; deterministic, and no network.

    A passage that is not in the customer's language is introduced in it, and a person is offered. A passage whose
    language cannot be told is taken to be in `docs_language`.
    """

    def __init__(self, docs_language: str = DEFAULT_LANGUAGE) -> None:
        self._docs_language = docs_language

    @property
    def name(self) -> str:
        """The name that is recorded with an answer."""
        return "offline"

    async def respond(self, request: ModelRequest) -> ModelReply:
        """Returns the next tool calls of the required order."""
        said = [item for item in request.transcript if isinstance(item, CustomerSaid)]
        answered = [item for item in request.transcript if isinstance(item, ToolAnswered)]
        done = {item.name for item in answered if item.ok}
        text = "\n".join(own_text(item.text) for item in said).strip()
        subject = next((s.subject for s in said if s.subject and not is_reply(s.subject)), "")
        points = asked([item.text for item in said], subject)
        step = len([item for item in request.transcript if isinstance(item, ModelSaid)])
        if "create_ticket" not in done:
            issue = " ".join((subject or points[0]).split())[:200]
            category = category_of(f"{subject}\n{text}")
            return _calls(step, ("create_ticket", {"issue": issue, "category": category}))
        if not any(item.name == "get_customer_history" for item in answered):
            return _calls(step, ("get_customer_history", {}))
        searches = _searches(request)
        waiting = [q for q in points[:SEARCHED_QUESTIONS] if q not in {s.query for s in searches}]
        if waiting:
            calls: list[_Call] = [("search_knowledge_base", {"query": q}) for q in waiting]
            return _calls(step, *calls)
        if not any(search.results for search in searches):
            return _search_again(step, subject, text, searches)
        if any(item.name == "send_response" and not item.ok for item in answered):
            return _escalate(step, "unsupported_claim")
        message = self._compose(points, searches, request, sentiment.score(text))
        return _calls(step, ("send_response", {"message": message}))

    def _compose(
        self, points: Sequence[str], searches: Sequence[_Search], request: ModelRequest, mood: float
    ) -> str:
        """Answers point by point: a quotation for each that was found, and the others named as open."""
        phrases = request.phrases
        found = {point: self._best(point, points, searches, phrases.language) for point in points}
        quoted: dict[str, tuple[quoting.Found, str]] = {}
        for point, section in found.items():
            if section is not None:
                quoted.setdefault(section.section_id, (section, point))
        pieces = self._quotations(list(quoted.values()), len(points), request)
        if mood < _UPSET:
            pieces.insert(0, phrases.sympathy)
        pieces += [
            phrases.nothing_found.format(question=quoting.as_sentence(point))
            for point, section in found.items()
            if section is None
        ]
        return "\n\n".join(pieces)

    def _quotations(
        self,
        quoted: Sequence[tuple[quoting.Found, str]],
        share: int,
        request: ModelRequest,
    ) -> list[str]:
        phrases = request.phrases
        pieces: list[str] = []
        foreign = False
        for section, point in quoted:
            language = language_of(section.content) or self._docs_language
            if language != phrases.language and not foreign:
                foreign = True
                pieces.append(phrases.passage_intro(language))
            pieces.append(quoting.quote(section, point, request.channel, share))
        return [*pieces, phrases.offer_person] if foreign else pieces

    def _best(
        self, point: str, points: Sequence[str], searches: Sequence[_Search], language: str
    ) -> quoting.Found | None:
        """The best result for a point, one in the customer's language first; a lone point has both attempts."""
        results = [r for s in searches if s.query == point or len(points) == 1 for r in s.results]
        own = [r for r in results if (language_of(r.content) or self._docs_language) == language]
        return next(iter(own or results), None)


def _search_again(step: int, subject: str, text: str, searches: Sequence[_Search]) -> ModelReply:
    tried = {search.query for search in searches}
    other = next(
        (q for q in (subject, " ".join(dict.fromkeys(terms(text)))[:300]) if q and q not in tried),
        "",
    )
    if not other or len(searches) > SEARCHED_QUESTIONS:
        return _escalate(step, "weak_evidence")
    return _calls(step, ("search_knowledge_base", {"query": other}))


def _searches(request: ModelRequest) -> list[_Search]:
    queries = {
        call.call_id: json.loads(call.arguments).get("query", "")
        for item in request.transcript
        if isinstance(item, ModelSaid)
        for call in item.tool_calls
        if call.name == "search_knowledge_base" and _is_object(call.arguments)
    }
    return [
        _Search(
            str(queries.get(item.call_id, "")),
            tuple(
                quoting.Found(r["section_id"], r["title"], r["content"])
                for r in json.loads(item.content).get("results", ())
            )
            if item.ok
            else (),
        )
        for item in request.transcript
        if isinstance(item, ToolAnswered) and item.name == "search_knowledge_base"
    ]


def _is_object(arguments: str) -> bool:
    try:
        return isinstance(json.loads(arguments), dict)
    except json.JSONDecodeError:
        return False


def _escalate(step: int, reason: str) -> ModelReply:
    return _calls(step, ("escalate_to_human", {"reason": reason, "urgency": "normal"}))


def _calls(step: int, *calls: _Call) -> ModelReply:
    return ModelReply(
        tool_calls=tuple(
            ToolRequest(f"offline-{step}-{place}", name, json.dumps(arguments, ensure_ascii=False))
            for place, (name, arguments) in enumerate(calls)
        )
    )
