"""Owns `fte check`: asks a provider with the settings in force, and says what to do about each fault."""

import json
import os
from typing import Annotated

import typer

check = typer.Typer(
    name="check", help="Checks a provider with your credentials.", no_args_is_help=True
)


@check.command(epilog="Example: fte check twilio")
def twilio(
    *,
    as_json: Annotated[bool, typer.Option("--json", help="print one JSON document")] = False,
) -> None:
    """Asks Twilio for the account, the WhatsApp sender, its webhook and the templates; exit 1 if anything is wrong."""
    from cli.check_twilio import check_twilio  # noqa: PLC0415
    from cli.doctor import show_findings  # noqa: PLC0415

    findings = check_twilio(os.environ)
    if as_json:
        typer.echo(json.dumps([finding.as_json() for finding in findings], indent=2))
    else:
        show_findings(findings)
    raise typer.Exit(0 if all(finding.fine for finding in findings) else 1)
