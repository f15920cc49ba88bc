"""Sentences of an answer and the section that each rests on."""

from services.agent.adapters.language_model_offline import OfflinePolicy
from services.agent.adapters.mapping import answer_from_proto, answer_to_proto
from services.agent.application.think import Thinker
from services.agent.domain.claims import faults
from services.agent.domain.grounding import receipt, sentences, share_of
from services.agent.domain.turn import StatementKind
from tests.fakes.agent import KnownHistory, LenientJudge, MemoryKnowledge
from tests.fakes.phrases import BOOK
from tests.unit.agent.turns import text, turn

KNOWLEDGE = MemoryKnowledge()


def test_sentences_are_cut_without_their_markers() -> None:
    draft = "First:\n\n1. Open **Settings**. Wait.\n- Is it done?\n\nThat is **all.** Bye"
    assert [draft[start:end] for start, end in sentences(draft)] == [
        "First:",
        "Open **Settings**.",
        "Wait.",
        "Is it done?",
        "That is **all.**",
        "Bye",
    ]


def test_every_kind_of_sentence_has_its_receipt() -> None:
    section = KNOWLEDGE.sections[4]
    draft = f"I am sorry for the trouble.\n\n{section.content}\n\nDoes this help?"
    statements = receipt(draft, [KNOWLEDGE.sections[0], section])
    assert statements[0].kind is StatementKind.COURTESY
    assert statements[-1].kind is StatementKind.QUESTION
    assert {one.kind for one in statements[1:-1]} == {StatementKind.FACT}
    for one in statements[1:-1]:
        assert one.source is not None
        assert one.source.section_id == section.section_id
        assert one.source.content_hash == section.content_hash
        assert one.share == 1.0


async def test_the_offline_policys_quotations_map_exactly_and_pass_the_wire() -> None:
    thinker = Thinker(
        judge=LenientJudge(),
        phrases=BOOK,
        model=OfflinePolicy(),
        knowledge=KNOWLEDGE,
        history=KnownHistory(),
    )
    contents = {s.section_id: f"{s.title}\n{s.content}" for s in KNOWLEDGE.sections}
    for section in KNOWLEDGE.sections:
        answer = await thinker.think(turn(text(section.title)))
        facts = [one for one in answer.statements if one.kind is StatementKind.FACT]
        assert bool(facts) == bool(answer.response)
        for one in facts:
            assert one.source is not None, answer.response[one.start : one.end]
            said = answer.response[one.start : one.end]
            assert one.share == 1.0 == share_of(said, contents[one.source.section_id])
        assert answer_from_proto(answer_to_proto(answer)).statements == answer.statements


def test_the_systems_own_sentences_are_courtesies_and_only_their_filling_is_judged() -> None:
    section = KNOWLEDGE.sections[4]
    cited = [f"{section.title}\n{section.content}"]
    own = ["Dazu habe ich nichts gefunden: {question} Fragen Sie einfach nach einer Person."]
    said = own[0].format(question='"Gibt es eine Anbindung an SAP?"')
    draft = f"{section.content}\n\n{said}"
    assert faults(draft, cited, own_words=own) == []
    assert receipt(draft, [section], own)[-1].kind is StatementKind.COURTESY
    assert faults(own[0].format(question='"Ist Pro für 5 Euro zu haben?"'), cited, own_words=own)
    assert faults(own[0].format(question="https://evil.example"), cited, own_words=own)
