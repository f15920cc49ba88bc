"""The `fte` command as operators meet it: what it shows, what it refuses, what it leaves behind."""

import os
import re
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from pathlib import Path

import psutil
import pytest

from cli.outside import Outside
from devstack.ports import SERVICES, Port
from devstack.stack import sidecar_name
from drill.checker import check
from drill.evidence import gather
from tests.e2e.running import STOP_SECONDS, RunningStack, free_base
from tests.e2e.traffic import Traffic

SECONDS = 40.0
KINDS = {"service", "sidecar", "control", "broker", "database", "simulator"}
# What one message passes, in this order.
STEPS = (
    ("intake", "accepted"),
    ("agent", "stored"),
    ("agent", "turn begun"),
    ("agent", "turn committed"),
    ("delivery", "intent stored"),
    ("delivery", "attempt 1"),
    ("delivery", "final"),
)


def test_status_shows_every_part_and_the_ledgers(stack: RunningStack) -> None:
    answer = stack.run("status", "--json")
    report = answer.json()
    assert answer.code == 0, answer
    parts = {part["name"]: part for part in report["parts"]}
    assert {*SERVICES, *map(sidecar_name, SERVICES)} <= parts.keys()
    assert {part["kind"] for part in parts.values()} == KINDS
    for part in parts.values():
        assert part.keys() == {"name", "kind", "pid", "restarts", "healthy"}
        assert part["healthy"] is True, part
        assert psutil.pid_exists(part["pid"])
    assert report["ledgers"].keys() == {"inbox", "outbox", "intents"}
    for name in ("inbox", "outbox"):
        assert report["ledgers"][name].keys() == {"open", "oldest_seconds", "outcomes"}
    assert report["ledgers"]["intents"].keys() == {"states"}


def test_status_of_a_stack_that_does_not_run(tmp_path: Path, stack: RunningStack) -> None:
    answer = stack.run("status", "--json", environ={"FTE_HOME": str(tmp_path)})
    assert answer.code != 0
    assert answer.json()["parts"] == []


@pytest.mark.parametrize("channel", ["mail", "whatsapp", "form"])
async def test_trace_shows_every_step_of_a_message(
    stack: RunningStack, outside: Outside, traffic: Traffic, channel: str
) -> None:
    await {"mail": traffic.mail, "whatsapp": traffic.whatsapp, "form": traffic.form}[channel]()
    verdict = await check(stack.dsn, outside, traffic.sent_in, SECONDS)
    assert not verdict.problems, verdict
    [row] = (await gather(stack.dsn, outside, traffic.sent_in)).ledgers.inbox
    answer = stack.run("trace", str(row["inbox_id"]), "--json")
    assert answer.code == 0, answer
    steps = answer.json()["steps"]
    times = [datetime.fromisoformat(step["time"]) for step in steps]
    assert times == sorted(times)
    seen = [(step["service"], step["step"]) for step in steps]
    places = [seen.index(step) for step in STEPS]
    assert places == sorted(places), seen
    assert "receipt: settled" in {step for _, step in seen}


def test_trace_of_something_unknown_says_so(stack: RunningStack) -> None:
    answer = stack.run("trace", "00000000-0000-0000-0000-000000000000")
    assert answer.code == 1
    assert "00000000-0000-0000-0000-000000000000" in answer.err


def test_env_prints_what_a_shell_can_read(stack: RunningStack) -> None:
    answer = stack.run("env")
    assert answer.code == 0
    lines = answer.out.splitlines()
    assert all(re.fullmatch(r"export [A-Z_]+=.*", line) for line in lines), lines
    names = {line.removeprefix("export ").partition("=")[0] for line in lines}
    assert {"FTE_TWILIO_AUTH_TOKEN", "FTE_PUBLIC_URL", "FTE_API_KEY"} <= names


def test_env_lets_the_callers_value_win(stack: RunningStack) -> None:
    values = stack.run("env", "--json", environ={"FTE_API_KEY": "mine"}).json()
    assert values["FTE_API_KEY"] == "mine"


def test_secrets_are_for_their_owner_alone(stack: RunningStack) -> None:
    assert (stack.home / "secrets.json").stat().st_mode & 0o777 == 0o600


def test_doctor_finds_nothing_wrong_beside_a_running_stack(stack: RunningStack) -> None:
    answer = stack.run("doctor", "--json")
    assert answer.code == 0, answer
    assert all(finding["fine"] for finding in answer.json())


def test_doctor_names_the_cure_of_half_a_credential(stack: RunningStack) -> None:
    answer = stack.run("doctor", "--json", environ={"FTE_TWILIO_ACCOUNT_SID": "AC1"})
    assert answer.code == 1
    cures = [finding["cure"] for finding in answer.json() if not finding["fine"]]
    assert any("FTE_TWILIO_AUTH_TOKEN" in cure for cure in cures), cures


def test_second_up_in_one_home_is_refused(stack: RunningStack) -> None:
    answer = stack.run("up", environ={"FTE_PORT_BASE": str(free_base())})
    assert answer.code == 1
    assert "running already" in answer.err
    assert str(stack.supervisor.pid) in answer.err


@pytest.fixture
def second() -> Iterator[RunningStack]:
    """A stack of its own that may be ended in any way."""
    running = RunningStack()
    try:
        yield running
    finally:
        running.remove()


def test_busy_port_is_refused_by_naming_who_holds_it(second: RunningStack) -> None:
    port = second.environment.ports[Port.TWILIO]
    with socket.create_server(("127.0.0.1", port)):
        answer = second.run("up")
    assert answer.code == 1
    assert str(port) in answer.err
    assert f"pid {os.getpid()}" in answer.err


def test_killed_supervisor_leaves_a_mess_that_the_next_start_cleans_up(
    second: RunningStack,
) -> None:
    second.start()
    first = second.processes()
    second.supervisor.send_signal(signal.SIGKILL)
    second.supervisor.wait()

    second.start()
    assert not alive(first), "left from the first start"
    assert all(part["healthy"] for part in second.parts().values())

    running = second.processes()
    assert second.stop() < STOP_SECONDS
    assert second.supervisor.returncode == 0, second.said()
    assert not alive(running), "still there after the stop"
    _nothing_listens(second)


def alive(processes: list[psutil.Process]) -> list[str]:
    """Returns those that still run; one that nobody has waited for yet does not."""
    running = []
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            if process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
                running.append(f"{process.pid} {process.name()}")
    return running


def _nothing_listens(stack: RunningStack) -> None:
    ports = {stack.environment.ports[port] for port in Port}
    deadline = time.monotonic() + 1.0
    while True:
        held = {
            one.laddr.port
            for one in psutil.net_connections("tcp")
            if one.status == psutil.CONN_LISTEN and one.laddr
        } & ports
        if not held:
            return
        assert time.monotonic() < deadline, f"ports still held: {sorted(held)}"
        time.sleep(0.05)
