"""Owns `fte kb`: the knowledge base of the running stack, and how well it answers.

Exit codes of its own: 0 done, 1 something could not be read or nothing was found, 3 the stack is not running.
"""

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final

import asyncpg
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from chassis.database import Pool, open_pool
from cli.kb_measure import Figures, QuestionsError, measure, read_questions
from devstack.environment import Environment
from devstack.failure import StackError
from services.agent.adapters.embedder_bundled import bundled_embedder
from services.agent.adapters.embedder_openai import OpenAiEmbedder
from services.agent.adapters.knowledge_base import PostgresKnowledgeBase
from services.agent.adapters.knowledge_folder import read_folder
from services.agent.adapters.knowledge_memory import MemoryKnowledgeBase
from services.agent.adapters.knowledge_queries import QueryVectors
from services.agent.adapters.knowledge_sync import embed_missing
from services.agent.adapters.knowledge_sync import sync as sync_sections
from services.agent.application.ports import Embedder, LookupUnavailable

DONE, FAILED, NOT_RUNNING = 0, 1, 3
_RESULTS: Final = 5
_GAPS: Final = """
SELECT question, count, first_time, last_time FROM agent.knowledge_gaps ORDER BY count DESC, last_time DESC LIMIT $1
"""
Work = Callable[[Pool], Awaitable[int]]


async def run(environment: Environment, role: str, work: Work) -> int:
    """Runs one subcommand on the stack's database; returns the exit code, and says on stderr what went wrong."""
    try:
        pool = await open_pool(environment.database_url(role), 2, application="fte-kb")
    except (OSError, asyncpg.PostgresError):
        _say("fte: the stack is not running; start it with `fte up`")
        return NOT_RUNNING
    try:
        return await work(pool)
    except asyncpg.UndefinedTableError:
        _say("fte: the database is of an older version; run `fte migrate`")
        return FAILED
    except LookupUnavailable as error:
        _say(f"fte: the embedding model or the database did not answer ({error})")
        return FAILED
    finally:
        await pool.close()


async def sync(pool: Pool, folder: Path, embedder: Embedder, *, as_json: bool) -> int:
    """Makes the knowledge base equal to a folder and embeds what is new; each portion is committed."""
    try:
        report = await sync_sections(pool, folder)
    except FileNotFoundError as error:
        _say(f"fte: {error}")
        return FAILED
    for problem in report.problems:
        _say(f"fte: {problem}")
    columns = (TextColumn("embedding"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("embedding", total=None)
        embedded = await embed_missing(
            pool, embedder, lambda done, of: bar.update(task, completed=done, total=of)
        )
    counts = {**report.counts(), "embedded": embedded}
    if as_json:
        print(json.dumps({**counts, "problems": list(report.problems)}, indent=2))
    else:
        print(", ".join(f"{count} {name}" for name, count in counts.items()))
    return FAILED if report.problems else DONE


async def search(pool: Pool, query: str, embedder: Embedder, *, as_json: bool) -> int:
    """Searches as a turn does, with its role; a question that finds nothing becomes a gap, as in a turn."""
    found = await PostgresKnowledgeBase(pool, QueryVectors(embedder)).search(query, _RESULTS)
    if as_json:
        print(
            json.dumps(
                [
                    {
                        "section_id": e.section.section_id,
                        "title": e.section.title,
                        "score": e.score,
                        "content": e.section.content,
                    }
                    for e in found
                ],
                indent=2,
                ensure_ascii=False,
            )
        )
    else:
        for evidence in found:
            print(
                f"{evidence.score:.2f}  {evidence.section.title}  ({evidence.section.section_id})"
            )
    if not found:
        _say("nothing in the documentation answers this")
    return DONE if found else FAILED


async def gaps(pool: Pool, *, most: int, as_json: bool) -> int:
    """Prints the questions that found nothing, the most asked first."""
    records = await pool.fetch(_GAPS, most)
    if as_json:
        shown = [
            {
                "question": record["question"],
                "count": record["count"],
                "first_time": record["first_time"].isoformat(),
                "last_time": record["last_time"].isoformat(),
            }
            for record in records
        ]
        print(json.dumps(shown, indent=2, ensure_ascii=False))
        return DONE
    if not records:
        _say("every question so far found something")
        return DONE
    table = Table(box=None, pad_edge=False)
    table.add_column("asked", justify="right")
    table.add_column("last (UTC)", no_wrap=True)
    table.add_column("question")
    for record in records:
        last = record["last_time"].strftime("%Y-%m-%d %H:%M")
        table.add_row(str(record["count"]), last, record["question"])
    Console().print(table, markup=False)
    return DONE


def evaluate(folder: Path, questions: Path, split: str, *, as_json: bool) -> int:
    """Asks a file's questions of a folder's documents, in memory, and prints what was found."""
    try:
        documents, problems = read_folder(folder)
        asked = [q for q in read_questions(questions) if split in ("all", q.split)]
        sections = [section for found in documents.values() for section in found]
        base = MemoryKnowledgeBase(sections, bundled_embedder())
        whole = asyncio.run(measure(base, asked))
        languages = {
            language: asyncio.run(measure(base, [q for q in asked if q.language == language]))
            for language in sorted({q.language for q in asked})
        }
    except (OSError, QuestionsError) as error:
        _say(f"fte: {error}")
        return FAILED
    for name, problem in problems.items():
        _say(f"fte: {name}: {problem}")
    if as_json:
        shown: dict[str, Any] = {
            **whole.as_json(),
            "languages": {name: figures.as_json() for name, figures in languages.items()},
        }
        print(json.dumps(shown, indent=2))
    else:
        _show({"all": whole, **languages})
    return FAILED if problems else DONE


def chosen_embedder(settings: dict[str, str]) -> Embedder:
    """Returns the embedder that the stack's agent uses."""
    if settings.get("FTE_EMBEDDER", "bundled") == "bundled":
        return bundled_embedder()
    key = settings.get("FTE_OPENAI_API_KEY", "")
    if not key:
        raise StackError("FTE_EMBEDDER is openai and there is no key", "set FTE_OPENAI_API_KEY")
    return OpenAiEmbedder(key, settings.get("FTE_OPENAI_BASE_URL") or None)


def _show(rows: dict[str, Figures]) -> None:
    table = Table(box=None, pad_edge=False)
    table.add_column("questions")
    names = [name.replace("_", " ") for name in next(iter(rows.values())).as_json()]
    for name in names:
        table.add_column(name, justify="right")
    for language, figures in rows.items():
        values = figures.as_json().values()
        cells = ["-" if v is None else str(v) if isinstance(v, int) else f"{v:.3f}" for v in values]
        table.add_row(language, *cells)
    Console().print(table)


def _say(line: str) -> None:
    print(line, file=sys.stderr)
