"""Whether a person must take over, judged on what the customer wrote.

Certain are only a bare word for a person and a company's example phrase that is repeated. Everything else is decided by
one linear model (classifier.py) that weighs all that is known of the message; the gravest reason of a batch wins.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from services.agent.domain.classifier import JUDGED, Chance
from services.agent.domain.turn import Channel, Escalation, EscalationReason, Urgency

_URGENCY = {
    EscalationReason.LEGAL_LANGUAGE: Urgency.CRITICAL,
    EscalationReason.PRICING_INQUIRY: Urgency.NORMAL,
}
_SURE = 0.95
_BORDER = 0.5


@dataclass(frozen=True, slots=True)
class Judgement:
    """What was found on a batch: who must act on it, how sure that is, its mood and its language.

    `score` lies in [0, 1] and is at least 0.5 exactly if there is an escalation; `sentiment` lies in [-1, 1];
    `language` is an ISO 639-1 code, and "hi" is Hindi in Latin script too; if it is not certain, it is the best guess
    for a text that hardly tells.
    """

    escalation: Escalation | None
    score: float
    sentiment: float
    language: str
    language_certain: bool = True


@dataclass(frozen=True, slots=True)
class Findings:
    """What was found on one message.

    `keyword` tells that the text is a bare word for a person. `example` is the reason of the company's phrase that the
    message repeats. `chance` is the model's; None if nothing is left to judge.
    """

    language: str
    sentiment: float
    keyword: bool = False
    example: EscalationReason | None = None
    chance: Chance | None = None
    language_certain: bool = True


def judge_findings(batch: Sequence[Findings], channel: Channel) -> Judgement:
    """Judges a batch of at least one message; language and mood are those of the batch."""
    scores: dict[EscalationReason, float] = {}
    for findings in batch:
        for shown, score in _scores(findings).items():
            scores[shown] = max(score, scores.get(shown, 0.0))
    sentiment = min(findings.sentiment for findings in batch)
    spoken = next((one for one in reversed(batch) if one.language_certain), batch[-1])
    if any(findings.keyword for findings in batch) and channel is Channel.WHATSAPP:
        keyword = Escalation(EscalationReason.WHATSAPP_HUMAN_KEYWORD, Urgency.HIGH)
        return Judgement(keyword, 1.0, sentiment, spoken.language, spoken.language_certain)
    reason = next((reason for reason in JUDGED if scores.get(reason, 0.0) >= _BORDER), None)
    escalation = None if reason is None else Escalation(reason, _URGENCY.get(reason, Urgency.HIGH))
    best = max(scores.values(), default=0.0) if reason is None else scores[reason]
    return Judgement(
        escalation, round(best, 4), sentiment, spoken.language, spoken.language_certain
    )


def _scores(findings: Findings) -> dict[EscalationReason, float]:
    certain: dict[EscalationReason, float] = {}
    if findings.example is not None:
        certain[findings.example] = _SURE
    if findings.keyword:
        certain[EscalationReason.EXPLICIT_HUMAN_REQUEST] = _SURE
    if findings.chance is None:
        return certain
    return {findings.chance.reason: findings.chance.score} | certain
