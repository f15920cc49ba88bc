"""Cutting sections into chunks: nothing is lost, blocks stay whole, ids are stable."""

from hypothesis import given
from hypothesis import strategies as st

from services.agent.domain.chunks import STATEMENT, Chunk, Kind, cut
from services.agent.domain.knowledge import Section, read_sections


def section(content: str, title: str = "Limits") -> Section:
    return Section("a.md#limits", "a.md", title, content, "", "customer", 0, "")


def bodies(chunks: list[Chunk], kind: Kind) -> list[str]:
    return [chunk.text.removeprefix("Limits: ") for chunk in chunks if chunk.kind is kind]


def test_the_title_comes_first_and_stands_in_every_chunk() -> None:
    chunks = cut(section("One. " * 300))
    assert (chunks[0].kind, chunks[0].text) == (Kind.TITLE, "Limits")
    assert all(chunk.text.startswith("Limits") for chunk in chunks)


def test_statements_end_with_sentences_and_items() -> None:
    found = bodies(
        cut(section("First it is so. " * 9 + "\n\n1. Open it.\n2. Close it.")), Kind.STATEMENT
    )
    assert all(body.endswith(".") for body in found)
    assert "Close it." in found[-1]


def test_every_piece_of_a_table_repeats_its_head() -> None:
    rows = "\n".join(f"| plan {n} | {n} boards and some more words |" for n in range(40))
    found = bodies(cut(section(f"| Plan | Boards |\n|---|---|\n{rows}")), Kind.STATEMENT)
    assert len(found) > 1
    assert all(body.startswith("Plan | Boards") for body in found)


def test_code_is_cut_between_its_lines_and_its_marks_are_no_text() -> None:
    code = "\n".join(f"curl https://api.example/v1/items/{n}" for n in range(12))
    found = bodies(cut(section(f"Ask so:\n\n```\n{code}\n# no heading\n```\n")), Kind.STATEMENT)
    assert not any("```" in body for body in found)
    assert "curl https://api.example/v1/items/11" in " ".join(found)


def test_an_edit_changes_the_ids_of_what_it_touches_only() -> None:
    text = [
        f"Sentence number {n} says something of its own and goes on for a while." for n in range(30)
    ]
    before = {c.chunk_id for c in cut(section("\n\n".join(text)))}
    text[4] = "Something else altogether stands here now, and it is just as long."
    after = {c.chunk_id for c in cut(section("\n\n".join(text)))}
    assert 0 < len(before - after) <= 3


@given(st.text(max_size=3000))
def test_chunks_are_bounded_unique_and_hold_every_word(content: str) -> None:
    chunks = cut(section(content))
    assert len({chunk.chunk_id for chunk in chunks}) == len(chunks)
    assert all(len(body) <= STATEMENT for body in bodies(chunks, Kind.STATEMENT))


def test_no_word_of_the_documentation_is_lost() -> None:
    text = "# Doc\n\n## A part\n\nAlpha beta.\n\n- gamma one\n- delta two\n\n| h | i |\n|---|---|\n| epsilon | zeta |\n"
    (found,) = read_sections("a.md", text)
    said = " ".join(chunk.text for chunk in cut(found))
    assert all(
        w in said for w in ["Alpha", "beta", "gamma", "one", "delta", "two", "epsilon", "zeta"]
    )
