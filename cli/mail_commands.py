"""The `fte mail` subcommands and their options; what they do lies in `cli/mail.py`, whose imports are slow."""

from pathlib import Path
from typing import Annotated

import typer

mail = typer.Typer(help="Mails, as the system reads them.", no_args_is_help=True)


@mail.callback()
def _mail() -> None:
    """Mails, as the system reads them."""


@mail.command("inspect", epilog="Example: fte mail inspect bounce.eml")
def mail_inspect(
    files: Annotated[list[Path], typer.Argument(metavar="FILE…", help="raw mails; - is stdin")],
    *,
    mailbox: Annotated[
        str, typer.Option(help="our own address", envvar="FTE_GMAIL_ADDRESS")
    ] = "support@example.com",
) -> None:
    """Prints as a line of JSON what each raw mail is taken for: class and why, sender, evidence, texts, attachments."""
    from cli.mail import run_inspect  # noqa: PLC0415 - its imports are slow and no other command's

    raise typer.Exit(run_inspect(files, mailbox))
