"""What a draft must not say, decided by code after the model."""

import re
from collections.abc import Sequence

from services.agent.domain.terms import fold

_NUMBER = r"\d[\d.,' ]{0,20}"
_MONEY = re.compile(
    rf"[$€£¥₹]\s?{_NUMBER}|\b{_NUMBER}\s?(?:[$€£¥₹]|(?:usd|eur|gbp|chf|inr|brl|dollars?|euros?|pounds?|cents?|rupees?|reais)\b)|"
    rf"\b(?:usd|eur|gbp|chf)\s?{_NUMBER}"
)
_REFUND_PROMISE = re.compile(
    r"\b(?:(?:we|i)(?:'ll| will| can| have| shall| am going to|'ve)\b[^.!?\n]{0,40}\b(?:refund|reimburse|compensate|credit you|credit your)|"
    r"you (?:will|'ll|can|are going to) (?:get|receive|have)\b[^.!?\n]{0,30}\b(?:refund|money back|compensation|reimbursement)|"
    r"(?:refund|reimbursement|compensation)s? (?:has been|have been|is|was|will be|are) (?:issued|approved|processed|granted|on its way|made|sent)|"
    r"(?:entitled to|eligible for) (?:a )?(?:refund|compensation|reimbursement)|refund policy)"
)
_COMMITMENT = re.compile(
    r"\b(?:guarantee[ds]?|i promise|we promise|we commit|for free|free of charge|no charge|at no cost|discount\w*|"
    r"compensat\w+|(?:we|i)(?:'ll| will) (?:make sure|ensure|fix|deliver|waive|extend|upgrade|credit)|"
    r"tomorrow|tonight|by (?:monday|tuesday|wednesday|thursday|friday|saturday|sunday|the end of)|next (?:week|month|release|quarter))"
)
_FIGURE = re.compile(
    r"\b(\d+(?:[.,]\d+)?)[\s-]?(%|percent\b|seconds?\b|minutes?\b|hours?\b|(?:business |working )?days?\b|weeks?\b|months?\b|years?\b|"
    r"users?\b|seats?\b|[kmgt]b\b)"
)
_DATE = re.compile(
    r"\b(?:\d{4}-\d{2}-\d{2}|\d{1,2}[./]\d{1,2}[./]\d{2,4}|(?:\d{1,2}(?:st|nd|rd|th)? )?"
    r"(?:january|february|march|april|june|july|august|september|october|november|december)(?: \d{1,2}(?:st|nd|rd|th)?)?(?:,? \d{4})?)(?!\w)"
)
_LINK = re.compile(r"\b(?:https?://|www\.)[^\s<>\"')\]]+")


def faults(draft: str, cited: Sequence[str], allowed_links: Sequence[str] = ()) -> list[str]:
    """Lists what a draft says that it must not, in words for its author; empty when it may be sent.

    Money and refunds are never the AI's to state. Promises, figures with a unit, dates and links must stand in a
    cited section.
    """
    text = fold(draft)
    support = fold("\n".join(cited))
    found: list[str] = []
    if _MONEY.search(text):
        found.append("it states an amount of money")
    if _REFUND_PROMISE.search(text):
        found.append("it promises or judges a refund")
    found += [
        f"it commits us to something the documentation does not say: {match[0]!r}"
        for match in _COMMITMENT.finditer(text)
        if match[0] not in support
    ]
    figures = {_figure(match) for match in _FIGURE.finditer(support)}
    found += [
        f"no cited section contains {match[0]!r}"
        for match in _FIGURE.finditer(text)
        if _figure(match) not in figures
    ]
    found += [
        f"no cited section contains the date {match[0]!r}"
        for match in _DATE.finditer(text)
        if match[0] not in support
    ]
    links = {_link(match[0]) for match in _LINK.finditer("\n".join([*cited, *allowed_links]))}
    found += [
        f"the link {match[0]} is not in a cited section"
        for match in _LINK.finditer(draft)
        if _link(match[0]) not in links
    ]
    return found


def _figure(match: re.Match[str]) -> tuple[str, str]:
    unit = match[2].removeprefix("business ").removeprefix("working ").removesuffix("s")
    return match[1].replace(",", "."), "%" if unit == "percent" else unit


def _link(link: str) -> str:
    return link.rstrip(".,;:!?").rstrip("/")
