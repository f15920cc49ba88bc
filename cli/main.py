"""Owns the `fte` command: its subcommands and options. What they do lies in the modules beside it.

Results go to stdout, everything else to stderr. Exit codes: 0 done or healthy, 1 failed or not
healthy, 2 wrong usage, 3 the stack is not running; `fte dlq` also says 2 when no agent answers.
"""

import asyncio
import json
import os
import shlex
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.channels import channels
from cli.check_commands import check
from cli.kb_commands import kb
from cli.keys import keys
from cli.mail_commands import mail
from devstack.environment import SUPERUSER, load_environment
from devstack.failure import StackError

if TYPE_CHECKING:
    from cli.dlq import Work

NOT_RUNNING = 3


class Channel(StrEnum):
    """The channels that a customer can write on."""

    EMAIL = "email"
    WHATSAPP = "whatsapp"
    WEB_FORM = "web_form"


app = typer.Typer(
    name="fte",
    help="The digital customer-success employee on this machine.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

app.add_typer(check, name="check")
app.add_typer(kb, name="kb")
app.add_typer(keys, name="keys")
app.add_typer(channels, name="channels")
app.add_typer(mail, name="mail")

Json = Annotated[bool, typer.Option("--json", help="print one JSON document")]


@app.command(epilog="Example: fte up --once")
def up(
    *,
    once: Annotated[
        bool, typer.Option("--once", help="play the demonstration, stop, exit with its result")
    ] = False,
    demo: Annotated[
        bool, typer.Option("--demo", help="play the demonstration when ready, then stay up")
    ] = False,
    broker: Annotated[str, typer.Option(help="the broker to use: nats")] = "nats",
) -> None:
    """Starts the whole system and keeps it running until interrupted."""
    from cli.up import run_stack  # noqa: PLC0415 - its imports are slow and no other command's

    raise typer.Exit(run_stack(os.environ, broker=broker, once=once, demo=demo))


@app.command()
def reset(*, yes: Annotated[bool, typer.Option("--yes", "-y", help="do not ask")] = False) -> None:
    """Wipes the data of the local stack: database, broker, simulators, secrets, logs."""
    from cli.reset import wipe  # noqa: PLC0415

    environment = load_environment()
    if not yes and sys.stdin.isatty():
        typer.confirm(f"Wipe everything in {environment.home}?", abort=True, err=True)
    wipe(environment)
    typer.echo(f"wiped {environment.home}", err=True)


@app.command(epilog='Example: eval "$(fte env)"')
def env(*, as_json: Json = False) -> None:
    """Prints the settings of the local stack as export lines for a shell."""
    values = load_environment().exported()
    if as_json:
        typer.echo(json.dumps(values, indent=2))
        return
    for name, value in values.items():
        typer.echo(f"export {name}={shlex.quote(value)}")


@app.command()
def status(*, as_json: Json = False) -> None:
    """Shows every part of the running stack and what lies in the ledgers."""
    from cli.status import read_status, show_status  # noqa: PLC0415

    report = asyncio.run(read_status(load_environment()))
    if as_json:
        typer.echo(json.dumps(report.as_json(), indent=2))
    else:
        show_status(report)
    if not report.running:
        typer.echo("fte: the stack is not running; start it with `fte up`", err=True)
        raise typer.Exit(NOT_RUNNING)
    raise typer.Exit(0 if report.healthy else 1)


@app.command()
def doctor(*, as_json: Json = False) -> None:
    """Checks this machine and its settings; names the cure of each fault."""
    from cli.doctor import examine, show_findings  # noqa: PLC0415

    findings = examine(os.environ)
    if as_json:
        typer.echo(json.dumps([finding.as_json() for finding in findings], indent=2))
    else:
        show_findings(findings)
    raise typer.Exit(0 if all(finding.fine for finding in findings) else 1)


@app.command()
def runtime() -> None:
    """Finds or makes the Dapr runtime and prints its folder; the first time can take minutes."""
    from devstack.runtime import find_runtime  # noqa: PLC0415

    typer.echo(find_runtime(os.environ, lambda line: typer.echo(line, err=True)).folder)


@app.command()
def migrate(
    *,
    check: Annotated[
        bool, typer.Option("--check", help="change nothing; exit 1 if a file is missing or changed")
    ] = False,
    database_url: Annotated[
        str, typer.Option(help="a superuser's DSN; default: the local stack's database")
    ] = "",
) -> None:
    """Applies the migrations that a database lacks."""
    from devstack import migrations  # noqa: PLC0415

    dsn = database_url or load_environment().database_url(SUPERUSER)
    try:
        if check:
            difference = asyncio.run(migrations.check(dsn))
            for name in difference.missing:
                typer.echo(f"missing {name}")
            for name in difference.changed:
                typer.echo(f"changed {name}")
            raise typer.Exit(1 if difference else 0)
        for name in asyncio.run(migrations.migrate(dsn)):
            typer.echo(f"applied {name}")
    except OSError as exc:
        raise StackError(f"no database answers: {exc}", "start it with `fte up`") from exc


@app.command(epilog="Example: fte trace T-7K2M-Q4XD")
def trace(
    reference: Annotated[
        str,
        typer.Argument(
            metavar="ID", help="a message, ticket (id or reference), conversation, outbox or intent"
        ),
    ],
    *,
    as_json: Json = False,
) -> None:
    """Prints every recorded step of one matter in order of time."""
    from cli.trace import read_trace, show_trace  # noqa: PLC0415

    found = asyncio.run(read_trace(load_environment().database_url(SUPERUSER), reference))
    if found is None:
        typer.echo(f"fte: nothing is recorded under {reference}", err=True)
        raise typer.Exit(1)
    if as_json:
        typer.echo(json.dumps(found.as_json(), indent=2))
    else:
        show_trace(found)


@app.command(epilog="Example: fte affected product-docs.md#billing-basics/a-payment-failed")
def affected(
    section: Annotated[
        str, typer.Argument(metavar="SECTION", help="the id of a section of the documentation")
    ],
    *,
    as_json: Json = False,
) -> None:
    """Lists the answers that a section has fed, newest first; look here after an article was wrong."""
    from cli.affected import read_affected, show_affected  # noqa: PLC0415

    found = asyncio.run(read_affected(load_environment().database_url(SUPERUSER), section))
    if as_json:
        typer.echo(json.dumps([one.as_json() for one in found], indent=2))
    elif found:
        show_affected(found)
    else:
        typer.echo(f"fte: no answer rests on {section}", err=True)


@app.command(epilog="Example: fte chat --channel whatsapp --as +15550100")
def chat(
    *,
    channel: Annotated[Channel, typer.Option(help="where to write")] = Channel.WHATSAPP,
    person: Annotated[
        str, typer.Option("--as", help="whose number or mail address to write from")
    ] = "+15550100",
) -> None:
    """Talks to the running stack as a customer, line by line."""
    from cli.chat import run_chat  # noqa: PLC0415

    raise typer.Exit(run_chat(load_environment().exported(), channel.value, person))


@app.command(epilog="Example: fte judge --context context messages.jsonl")
def judge(
    source: Annotated[
        Path | None, typer.Argument(metavar="[FILE]", help="JSON lines; default: stdin")
    ] = None,
    *,
    context: Annotated[Path, typer.Option(help="the company's folder")] = Path("context"),
) -> None:
    """Tells for each message {"id", "channel", "subject", "text"} whether a person must take over."""
    from cli.judge import run_judge  # noqa: PLC0415

    raise typer.Exit(run_judge(source, context))


@app.command(epilog="Example: fte drill --seed 7 --minutes 2 --rate 5")
def drill(
    *,
    seed: Annotated[int, typer.Option(help="draws the schedule and the messages")] = 1,
    minutes: Annotated[float, typer.Option(help="how long to write and to break", min=0.5)] = 2.0,
    rate: Annotated[float, typer.Option(help="messages per second", min=0.1, max=100)] = 5.0,
    kills: Annotated[
        int, typer.Option(help="least number of kills; 0: as many as the time suggests", min=0)
    ] = 0,
    report: Annotated[
        Path | None, typer.Option(help="write FILE.json, FILE.md and FILE.history.jsonl")
    ] = None,
    as_json: Json = False,
) -> None:
    """Breaks the running stack on a seeded schedule, then prints whether anything was lost or doubled."""
    from drill.run import Options  # noqa: PLC0415
    from drill.run import drill as run_drill  # noqa: PLC0415

    options = Options(seed, minutes, rate, kills, report, as_json)
    raise typer.Exit(asyncio.run(run_drill(load_environment(), os.environ, options)))


@app.command("eval", epilog="Example: fte eval --own --trials 4")
def evaluate(
    *,
    seed: Annotated[int, typer.Option(help="draws the wordings")] = 1,
    trials: Annotated[int, typer.Option(help="how often each is played", min=1, max=16)] = 1,
    only: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="play this one; * stands for anything")
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="play the small set")] = False,
    own: Annotated[bool, typer.Option("--own", help="on a stack of its own")] = False,
    at_once: Annotated[int, typer.Option(help="customers at the same time", min=1, max=64)] = 12,
    gate: Annotated[
        bool, typer.Option("--gate", help="exit 1 if a score lies below evals/baseline.json")
    ] = False,
    record: Annotated[
        bool, typer.Option("--record", help="write the scores into evals/baseline.json")
    ] = False,
    json_file: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="write everything to a file")
    ] = None,
    compare: Annotated[
        tuple[Path, Path] | None,
        typer.Option(metavar="A B", help="only compare two such files; exit 1 if pass^1 fell"),
    ] = None,
) -> None:
    """Plays simulated customers and grades what came of it: pass^1 and pass^k by topic, channel, language, mood."""
    from cli.eval import Wishes, run_eval, show_comparison  # noqa: PLC0415
    from evals.run import Options as Played  # noqa: PLC0415

    if compare:
        raise typer.Exit(show_comparison(*compare))
    if record and only:
        raise typer.BadParameter("--record needs a whole set, not --only")
    options = Played(seed, trials, tuple(only or ()), quick, at_once)
    raise typer.Exit(run_eval(options, Wishes(own, json_file, gate, record)))


bench = typer.Typer(help="Measures the running stack.", no_args_is_help=True)
app.add_typer(bench, name="bench")


@bench.command("quick")
def bench_quick(
    *,
    rate: Annotated[float, typer.Option(help="messages per second")] = 10.0,
    seconds: Annotated[float, typer.Option(help="how long to send")] = 20.0,
    as_json: Json = False,
) -> None:
    """Loads the running stack for a minute at most; prints speed and cost of a message."""
    from cli.bench import quick  # noqa: PLC0415

    environment = load_environment()
    raise typer.Exit(
        asyncio.run(quick(environment, per_second=rate, seconds=seconds, as_json=as_json))
    )


@bench.callback()
def _bench() -> None:
    """Measures the running stack."""


dlq = typer.Typer(help="Dead letters: messages that could not be processed.", no_args_is_help=True)
app.add_typer(dlq, name="dlq")

DeadLetterId = Annotated[str, typer.Argument(metavar="ID", help="the dead letter's id")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="check and say, change nothing")]


@dlq.command("list")
def dlq_list(
    *,
    closed: Annotated[
        bool, typer.Option("--closed", help="also what was replayed or dropped")
    ] = False,
    as_json: Json = False,
) -> None:
    """Lists the dead letters that wait for a decision, oldest first."""
    from cli import dlq as work  # noqa: PLC0415 - its imports are slow and no other command's

    _dead_letters(lambda calls: work.show_list(calls, closed=closed, as_json=as_json))


@dlq.command("show")
def dlq_show(dead_letter: DeadLetterId, *, as_json: Json = False) -> None:
    """Shows one dead letter with what the customer wrote."""
    from cli import dlq as work  # noqa: PLC0415

    _dead_letters(lambda calls: work.show_one(calls, dead_letter, as_json=as_json))


@dlq.command("replay", epilog="Example: fte dlq replay --all --dry-run")
def dlq_replay(
    dead_letter: Annotated[str, typer.Argument(metavar="[ID]", help="the dead letter's id")] = "",
    *,
    every: Annotated[bool, typer.Option("--all", help="every open dead letter")] = False,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Makes the messages of a dead letter due again, so that the customer is answered."""
    from cli import dlq as work  # noqa: PLC0415

    if every == bool(dead_letter):
        raise typer.BadParameter("give one ID, or --all")
    _dead_letters(
        lambda calls: work.replay(calls, dead_letter, every=every, dry_run=dry_run, as_json=as_json)
    )


@dlq.command("drop")
def dlq_drop(dead_letter: DeadLetterId, *, dry_run: DryRun = False, as_json: Json = False) -> None:
    """Closes a dead letter without another try; its ticket stays with a person."""
    from cli import dlq as work  # noqa: PLC0415

    _dead_letters(lambda calls: work.drop(calls, dead_letter, dry_run=dry_run, as_json=as_json))


def _dead_letters(work: "Work") -> None:
    from cli.dlq import run  # noqa: PLC0415

    raise typer.Exit(asyncio.run(run(load_environment(), work)))


def main() -> None:
    """Runs the command line; an error of the stack becomes one message and exit code 1."""
    try:
        app()
    except StackError as error:
        typer.echo(f"fte: {error}", err=True)
        sys.exit(1)
