"""The company's documents in a folder: Markdown read into sections, and what cannot be read named with its line."""

from collections.abc import Iterable
from pathlib import Path

from services.agent.domain.knowledge import DocumentError, Section, read_sections

# A thousand printed pages; more is no document, and all of it is held in memory.
LARGEST_DOCUMENT_BYTES = 4 * 1024 * 1024
# What else lies among the documents: data of the employee, read elsewhere.
_DATA = frozenset({".yaml", ".yml", ".json", ".jsonl"})


def read_folder(folder: Path) -> tuple[dict[str, list[Section]], dict[str, str]]:
    """Reads `**/*.md` into sections by document; the second mapping tells what is wrong with the other documents.

    Raises:
        FileNotFoundError: if the folder does not exist.
    """
    if not folder.is_dir():
        raise FileNotFoundError(f"the context folder {folder} does not exist")
    documents: dict[str, list[Section]] = {}
    problems: dict[str, str] = {}
    for path in sorted(_files(folder)):
        name = path.relative_to(folder).as_posix()
        try:
            documents[name] = read_sections(name, _text(path))
        except (DocumentError, OSError) as error:
            problems[name] = str(error)
    return documents, problems


def _files(folder: Path) -> Iterable[Path]:
    for path in folder.rglob("*"):
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        if not hidden and path.suffix not in _DATA and path.is_file():
            yield path


def _text(path: Path) -> str:
    if path.suffix != ".md":
        raise DocumentError("line 1: only Markdown (.md) is read")
    if path.stat().st_size > LARGEST_DOCUMENT_BYTES:
        raise DocumentError(f"line 1: the document is larger than {LARGEST_DOCUMENT_BYTES} bytes")
    content = path.read_bytes()
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise DocumentError(f"line {line}: not UTF-8") from error
    if "\0" in text:
        # Postgres keeps no such character in a text.
        raise DocumentError(
            f"line {text[: text.index(chr(0))].count(chr(10)) + 1}: a NUL character"
        )
    return text
