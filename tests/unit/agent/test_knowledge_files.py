"""Documents that cannot be read are named with the line; the others are read."""

from pathlib import Path

import pytest

from services.agent.adapters.knowledge_folder import read_folder

FINE = "# Title\n\n## Part\n\nSome words.\n"


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("a.md", b"---\ncategory product\n---\n", "line 2: front matter wants `name: value`"),
        ("a.md", b"---\ncategory: x\n", "line 1: front matter is not closed with `---`"),
        (
            "a.md",
            b"---\naudience: costumer\n---\n# A\n",
            "line 2: audience is `customer` or `internal`",
        ),
        (
            "a.md",
            b"---\na: b\n---\n# A\n\n```\ncode\n",
            "line 6: the code block is not closed with `" + "`" * 3 + "`",
        ),
        ("a.md", b"# A\n\nb\xff\n", "line 3: not UTF-8"),
        ("a.md", b"# A\nb\0\n", "line 2: a NUL character"),
        ("a.docx", b"PK", "line 1: only Markdown (.md) is read"),
    ],
)
def test_a_broken_document_is_named_with_its_line(
    tmp_path: Path, name: str, content: bytes, problem: str
) -> None:
    (tmp_path / name).write_bytes(content)
    (tmp_path / "fine.md").write_text(FINE)
    documents, problems = read_folder(tmp_path)
    assert list(documents) == ["fine.md"]
    assert problems == {name: problem}


def test_data_and_hidden_files_are_no_documents(tmp_path: Path) -> None:
    (tmp_path / "phrases.yaml").write_text("a: b")
    (tmp_path / ".DS_Store").write_bytes(b"\0")
    assert read_folder(tmp_path) == ({}, {})


def test_headings_in_code_and_tables_stay_in_their_section(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("# A\n\n## B\n\n```\n# no heading\n```\n\n| x |\n|---|\n| y |\n")
    documents, _ = read_folder(tmp_path)
    (section,) = documents["a.md"]
    assert "# no heading" in section.content
    assert "| y |" in section.content
