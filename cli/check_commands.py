"""Owns `fte check`: asks a provider with the settings in force, and says what to do about each fault."""

import json
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from cli.doctor import Finding

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

    findings = check_twilio(os.environ)
    _end(findings, as_json=as_json)


@check.command(epilog="Example: FTE_GMAIL_SERVICE_ACCOUNT=key.json fte check gmail")
def gmail(
    *,
    wait: Annotated[
        float, typer.Option(min=0, max=300, help="seconds to wait for Gmail's push; 0 not to")
    ] = 20.0,
    as_json: Annotated[bool, typer.Option("--json", help="print one JSON document")] = False,
) -> None:
    """Opens each mailbox, renews its watch and waits for the push; exit 1 if anything is wrong."""
    from cli.check_gmail import check_gmail  # noqa: PLC0415

    findings = check_gmail(os.environ, wait)
    _end(findings, as_json=as_json)


def _end(findings: "Sequence[Finding]", *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps([finding.as_json() for finding in findings], indent=2))
    else:
        from cli.doctor import show_findings  # noqa: PLC0415

        show_findings(findings)
    raise typer.Exit(0 if all(finding.fine for finding in findings) else 1)
