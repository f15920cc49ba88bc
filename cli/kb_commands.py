"""The `fte kb` subcommands and their options; what they do lies in `cli/kb.py`, whose imports are slow."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from devstack.environment import load_environment

kb = typer.Typer(help="The knowledge base that answers rest on.", no_args_is_help=True)


@kb.command("sync")
def kb_sync(
    *,
    folder: Annotated[
        Path | None, typer.Option(help="the documents; default: the stack's context folder")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="print one JSON document")] = False,
) -> None:
    """Makes the running stack's knowledge base equal to a folder of Markdown."""
    from cli import kb as work  # noqa: PLC0415 - its imports are slow and no other command's

    environment = load_environment()
    settings = environment.service("agent")
    documents = folder or Path(settings["FTE_CONTEXT_DIR"])
    embedder = work.chosen_embedder(settings)
    raise typer.Exit(
        asyncio.run(
            work.run(
                environment,
                "fte_agent",
                lambda pool: work.sync(pool, documents, embedder, as_json=as_json),
            )
        )
    )


@kb.command("search", epilog='Example: fte kb search "how do I reset my password"')
def kb_search(
    query: Annotated[str, typer.Argument(help="a question, as a customer asks it")],
    *,
    as_json: Annotated[bool, typer.Option("--json", help="print one JSON document")] = False,
) -> None:
    """Searches the running stack's knowledge base as a turn does."""
    from cli import kb as work  # noqa: PLC0415

    environment = load_environment()
    embedder = work.chosen_embedder(environment.service("agent"))
    raise typer.Exit(
        asyncio.run(
            work.run(
                environment,
                "fte_turn",
                lambda pool: work.search(pool, query, embedder, as_json=as_json),
            )
        )
    )


@kb.command("gaps")
def kb_gaps(
    *,
    most: Annotated[int, typer.Option(help="how many to show", min=1)] = 50,
    as_json: Annotated[bool, typer.Option("--json", help="print one JSON document")] = False,
) -> None:
    """Shows the questions that found nothing, in the customers' words: personal data."""
    from cli import kb as work  # noqa: PLC0415

    raise typer.Exit(
        asyncio.run(
            work.run(
                load_environment(),
                "fte_agent",
                lambda pool: work.gaps(pool, most=most, as_json=as_json),
            )
        )
    )


@kb.command("eval")
def kb_eval(
    *,
    folder: Annotated[Path, typer.Option(help="the documents")] = Path("context"),
    questions: Annotated[
        Path, typer.Option(help="questions with their sections, JSON lines")
    ] = Path("tests/evals/data/questions.jsonl"),
    split: Annotated[str, typer.Option(help="dev, test or all")] = "test",
    as_json: Annotated[bool, typer.Option("--json", help="print one JSON document")] = False,
) -> None:
    """Measures retrieval on a file of questions, in memory; needs no running stack."""
    from cli.kb import evaluate  # noqa: PLC0415

    raise typer.Exit(evaluate(folder, questions, split, as_json=as_json))
