"""The company's rules file: bullets change the judgement, broken lines are named."""

from pathlib import Path

import pytest

from services.agent.adapters.judge import Heard, LocalJudge, load_phrases
from services.agent.domain.example_phrases import RulesFileError, read_phrases
from services.agent.domain.judgement import Judgement, judge_findings
from services.agent.domain.turn import Channel, EscalationReason
from tests.fakes.agent import CONTEXT

GOOD = """# When a person takes over

## Prices (pricing_inquiry)

Any question about prices.

### Examples

- Do the wall displays also come in dark green?

### Not an escalation

* "How much does the Pro plan cost?"
"""


def judge(phrases: str, text: str) -> Judgement:
    findings = LocalJudge(read_phrases(phrases)).find([Heard("", text)])
    return judge_findings(findings, Channel.EMAIL)


def test_bullets_are_read_with_their_lines() -> None:
    phrases = read_phrases(GOOD)
    assert [(phrase.reason, phrase.line) for phrase in phrases] == [
        (EscalationReason.PRICING_INQUIRY, 9),
        (None, 13),
    ]
    assert phrases[1].text == "How much does the Pro plan cost?"


@pytest.mark.parametrize(
    "text",
    [
        "Do the wall displays also come in dark green?",
        "Do wall displays come in dark green as well?",
    ],
)
def test_an_added_example_escalates_in_its_own_and_in_other_words(text: str) -> None:
    assert judge("", text).escalation is None
    escalation = judge(GOOD, text).escalation
    assert escalation is not None
    assert escalation.reason is EscalationReason.PRICING_INQUIRY


def test_an_added_counter_example_stops_a_rule() -> None:
    assert judge("", "How much does the Pro plan cost?").escalation is not None
    assert judge(GOOD, "How much does the Pro plan cost?").escalation is None


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("## Prices (price)\n", 1),
        ("\n## Prices\n\n### Examples\n", 4),
        ("## A (refund_request)\n### Examples\n- ok\n- \n", 4),
        ("## A (refund_request)\n### Examples\n- " + "long " * 100, 3),
    ],
)
def test_a_broken_line_is_named(text: str, line: int) -> None:
    with pytest.raises(RulesFileError) as caught:
        read_phrases(text)
    assert caught.value.line == line


def test_a_file_that_is_no_text_is_named_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "escalation-rules.md").write_bytes(b"## A (refund_request)\n\xff\xfe")
    with pytest.raises(RulesFileError) as caught:
        load_phrases(tmp_path)
    assert caught.value.line == 2


def test_a_company_without_the_file_has_no_phrases(tmp_path: Path) -> None:
    assert load_phrases(tmp_path) == []


def test_the_companys_own_file_is_sound() -> None:
    assert {phrase.reason for phrase in load_phrases(CONTEXT)} >= {None, *_JUDGED}


_JUDGED = {
    EscalationReason.PRICING_INQUIRY,
    EscalationReason.REFUND_REQUEST,
    EscalationReason.LEGAL_LANGUAGE,
    EscalationReason.EXPLICIT_HUMAN_REQUEST,
}
