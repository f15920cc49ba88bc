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
from services.agent.domain.formatting import is_reply
from services.agent.domain.reading import own_words, questions
from services.agent.domain.terms import terms
from services.agent.domain.turn import Channel

QUESTIONS = 4
_UPSET = -0.15
_Call: TypeAlias = tuple[str, dict[str, object]]


@dataclass(frozen=True, slots=True)
class _Search:
    query: str
    results: tuple[quoting.Found, ...]


class OfflinePolicy:
    """Answers from the knowledge base or hands over; deterministic, and no network."""

    @property
    def name(self) -> str:
        """The name that is recorded with an answer."""
        return "offline"

    async def respond(self, request: ModelRequest) -> ModelReply:
        """Returns the next tool calls of the required order."""
        said = [item for item in request.transcript if isinstance(item, CustomerSaid)]
        answered = [item for item in request.transcript if isinstance(item, ToolAnswered)]
        done = {item.name for item in answered if item.ok}
        text = "\n".join(own_words(item.text) for item in said).strip()
        subject = next((s.subject for s in said if s.subject and not is_reply(s.subject)), "")
        asked = questions(text or subject, QUESTIONS)
        step = len([item for item in request.transcript if isinstance(item, ModelSaid)])
        if "create_ticket" not in done:
            issue = " ".join((subject or asked[0]).split())[:200]
            return _calls(step, ("create_ticket", {"issue": issue, "category": _category(text)}))
        if not any(item.name == "get_customer_history" for item in answered):
            return _calls(step, ("get_customer_history", {}))
        searches = _searches(request)
        open_questions = [q for q in asked if not any(s.query == q for s in searches)]
        if open_questions:
            calls: list[_Call] = [("search_knowledge_base", {"query": q}) for q in open_questions]
            return _calls(step, *calls)
        if not any(search.results for search in searches):
            return _search_again(step, subject, text, searches)
        if any(item.name == "send_response" and not item.ok for item in answered):
            return _escalate(step, "unsupported_claim")
        message = _compose(asked, searches, request, sentiment.score(text))
        return _calls(step, ("send_response", {"message": message}))


def _search_again(step: int, subject: str, text: str, searches: Sequence[_Search]) -> ModelReply:
    tried = {search.query for search in searches}
    other = next(
        (q for q in (subject, " ".join(dict.fromkeys(terms(text)))[:300]) if q and q not in tried),
        "",
    )
    if not other or len(searches) > QUESTIONS:
        return _escalate(step, "weak_evidence")
    return _calls(step, ("search_knowledge_base", {"query": other}))


def _compose(
    asked: Sequence[str], searches: Sequence[_Search], request: ModelRequest, mood: float
) -> str:
    phrases = request.phrases
    pieces: list[str] = []
    used: set[str] = set()
    lacking: list[str] = []
    single = len(asked) == 1
    for question in asked:
        found = _best(question, searches, single=single)
        if found is None:
            lacking.append(question)
        elif found.section_id not in used:
            used.add(found.section_id)
            share = len(asked)
            pieces.append(quoting.quote(found, question, request.channel, share))
    if len(pieces) > 1 and request.channel is not Channel.WHATSAPP:
        pieces = [f"**{found.removeprefix('**')}" for found in pieces]
    if mood < _UPSET:
        pieces.insert(0, phrases.sympathy)
    pieces += [phrases.nothing_found.format(question=quoting.as_sentence(q)) for q in lacking]
    return "\n\n".join(pieces)


def _best(question: str, searches: Sequence[_Search], *, single: bool) -> quoting.Found | None:
    """The first result for a question; with one question only, also that of a second attempt."""
    candidates = [s for s in searches if s.query == question and s.results]
    if not candidates and single:
        candidates = [s for s in searches if s.results]
    return candidates[0].results[0] if candidates else None


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


def _category(text: str) -> str:
    words = set(terms(text))
    if words & set(terms("invoice billing payment card VAT subscription plan")):
        return "billing"
    if words & set(terms("bug crash error broken fails")):
        return "bug_report"
    if words & set(terms("suggestion feedback idea feature")):
        return "feedback"
    return "technical"


def _escalate(step: int, reason: str) -> ModelReply:
    return _calls(step, ("escalate_to_human", {"reason": reason, "urgency": "normal"}))


def _calls(step: int, *calls: _Call) -> ModelReply:
    return ModelReply(
        tool_calls=tuple(
            ToolRequest(f"offline-{step}-{place}", name, json.dumps(arguments, ensure_ascii=False))
            for place, (name, arguments) in enumerate(calls)
        )
    )
