"""Whether a person must take over, judged on what the customer wrote.

Three witnesses speak on a message: the rules of the languages, the company's own example phrases, and a small
classifier for what no rule foresaw. Any of them is enough, because a missed hand-over costs more than a needless one;
the gravest reason wins.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from services.agent.domain.sentiment import is_negative
from services.agent.domain.signs import Reading
from services.agent.domain.turn import Channel, Escalation, EscalationReason, Urgency

# Gravest first.
GRAVITY: tuple[tuple[EscalationReason, Urgency], ...] = (
    (EscalationReason.LEGAL_LANGUAGE, Urgency.CRITICAL),
    (EscalationReason.PROFANITY, Urgency.HIGH),
    (EscalationReason.REFUND_REQUEST, Urgency.HIGH),
    (EscalationReason.PRICING_INQUIRY, Urgency.NORMAL),
    (EscalationReason.EXPLICIT_HUMAN_REQUEST, Urgency.HIGH),
    (EscalationReason.NEGATIVE_SENTIMENT, Urgency.HIGH),
)
JUDGED = tuple(reason for reason, _ in GRAVITY)
_URGENCY = dict(GRAVITY)
_SURE = 0.95
_LIKELY = 0.8
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
    """What the witnesses say on one message.

    `keyword` tells that the text is a bare word for a person. `example` is the reason of the company's phrase that the
    message repeats. `probabilities` are the classifier's, each in [0, 1], with 0.5 at the threshold.
    """

    language: str
    sentiment: float
    reading: Reading
    keyword: bool = False
    example: EscalationReason | None = None
    probabilities: Mapping[EscalationReason, float] = field(default_factory=dict)
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
    escalation = None if reason is None else Escalation(reason, _URGENCY[reason])
    best = max(scores.values(), default=0.0) if reason is None else scores[reason]
    return Judgement(
        escalation, round(best, 4), sentiment, spoken.language, spoken.language_certain
    )


def _scores(findings: Findings) -> dict[EscalationReason, float]:
    reading = findings.reading
    scores = dict(findings.probabilities)
    # The classifier tells reasons apart worse than it tells that there is one.
    witnessed: dict[EscalationReason, float] = dict.fromkeys(reading.sure, _SURE)
    if not reading.workspace:
        witnessed = dict.fromkeys(reading.likely, _LIKELY) | witnessed
    if findings.example is not None:
        witnessed[findings.example] = _SURE
    if findings.keyword:
        witnessed[EscalationReason.EXPLICIT_HUMAN_REQUEST] = _SURE
    if is_negative(findings.sentiment):
        witnessed.setdefault(EscalationReason.NEGATIVE_SENTIMENT, _LIKELY)
    return witnessed or scores
