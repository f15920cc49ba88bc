"""What a draft answer is: a clarifying question, a repeat, and which sections it rests on."""

import re
from collections.abc import Sequence

from services.agent.domain.knowledge import Evidence
from services.agent.domain.terms import terms
from services.agent.domain.turn import HistoryLine, Role

_SENTENCE_END = re.compile(r"(?<=[.!?])\s+|\n+")
_CLARIFYING_SENTENCES = 4
_SUPPORT = 0.6
_FEW = 2


def clarifies(draft: str) -> bool:
    """Tells whether a draft mostly asks: it may then be sent without evidence, for it states little."""
    sentences = [s for s in _SENTENCE_END.split(draft.strip()) if s]
    asking = sum(1 for s in sentences if s.rstrip("*_\"')").endswith("?"))
    return 0 < len(sentences) <= _CLARIFYING_SENTENCES and 2 * asking >= len(sentences)


def said_before(text: str, matter: Sequence[HistoryLine]) -> bool:
    """Tells whether the last thing that we said in a matter was this text, in whatever frame of its channel."""
    ours = [line for line in matter if line.role is not Role.CUSTOMER and line.content.strip()]
    return bool(ours) and text in max(ours, key=lambda line: line.create_time).content


def supporting(draft: str, evidence: Sequence[Evidence]) -> list[Evidence]:
    """Lists the sections that a sentence of the draft rests on; all of them if none stands out."""
    words = [set(terms(f"{e.section.title} {e.section.content}")) for e in evidence]
    chosen: set[int] = set()
    for sentence in _SENTENCE_END.split(draft):
        said = set(terms(sentence))
        shares = [len(said & known) / len(said) for known in words] if len(said) > _FEW else []
        best = max(shares, default=0.0)
        if best >= _SUPPORT:
            chosen.add(shares.index(best))
    return [evidence[place] for place in sorted(chosen)] or list(evidence)
