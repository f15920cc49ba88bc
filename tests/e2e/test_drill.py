"""The short drill: some 150 kills and every other fault under traffic lose and double nothing."""

import json
from pathlib import Path
from typing import Any

import pytest

from devstack.ports import SERVICES
from devstack.stack import sidecar_name
from drill.schedule import Kind
from tests.e2e.running import RunningStack

SEED = 20261124
MINUTES = 3
RATE = 5
KILLS = 150
SECONDS = 1200.0
# What an outage may look like from outside: unavailable, or nobody there.
REFUSALS = {"503", "ConnectError", "ReadError", "ReadTimeout", "RemoteProtocolError", "WriteError"}


@pytest.fixture(scope="module")
def drilled(stack: RunningStack, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The report of one drill on the shared stack; a failed one shows its page."""
    path = tmp_path_factory.mktemp("drill") / "report"
    answer = stack.run(
        "drill", "--seed", str(SEED), "--minutes", str(MINUTES), "--rate", str(RATE),
        "--kills", str(KILLS), "--report", str(path), seconds=SECONDS,
    )  # fmt: skip
    if answer.code:
        pytest.fail(f"{answer.err}\n{answer.out}", pytrace=False)
    report: dict[str, Any] = json.loads(path.with_suffix(".json").read_text())
    assert path.with_suffix(".md").read_text() == answer.out.removesuffix("\n")
    report["history"] = path.with_suffix(".history.jsonl").read_text().splitlines()
    return report


@pytest.mark.timeout(SECONDS)
def test_nothing_is_lost_doubled_or_out_of_order(drilled: dict[str, Any]) -> None:
    assert drilled["passed"]
    counts = {name: drilled[name] for name in ("lost", "doubled", "order_inversions")}
    assert set(counts.values()) == {0}, counts
    assert drilled["messages"]["in_the_inbox"] > 0.8 * MINUTES * 60 * RATE
    assert sum(drilled["suppressed"].values()) > 0
    assert drilled["outcomes"]["answered"] > drilled["outcomes"]["escalated"] > 0


def test_the_faults_bit(drilled: dict[str, Any]) -> None:
    assert drilled["kills"]["seen_to_bite"] >= KILLS
    struck = drilled["kills_by_part"]
    everything = {*SERVICES, *map(sidecar_name, SERVICES), "placement", "scheduler", "nats"}
    assert everything <= struck.keys()
    assert drilled["recovery"].keys() == {kind.value for kind in Kind}
    assert all(kind["bitten"] for kind in drilled["recovery"].values())


def test_who_was_refused_was_told_so(drilled: dict[str, Any]) -> None:
    assert drilled["refused_with"].keys() <= REFUSALS


def test_the_history_has_every_request(drilled: dict[str, Any]) -> None:
    steps = [json.loads(line)["step"] for line in drilled["history"]]
    assert steps.count("invoke") == drilled["messages"]["requests"]
    assert len(steps) == 2 * steps.count("invoke")


def test_a_drill_without_a_stack_does_not_begin(stack: RunningStack, tmp_path: Path) -> None:
    answer = stack.run("drill", environ={"FTE_HOME": str(tmp_path)})
    assert answer.code == 2
    assert "not running" in answer.err


@pytest.mark.parametrize(
    "credentials",
    [
        {"FTE_TWILIO_ACCOUNT_SID": "AC1", "FTE_TWILIO_AUTH_TOKEN": "secret"},
        {"FTE_GMAIL_CLIENT_ID": "id", "FTE_GMAIL_REFRESH_TOKEN": "secret"},
        {"FTE_OPENAI_API_KEY": "secret"},
    ],
)
def test_a_drill_never_begins_with_real_credentials(
    stack: RunningStack, credentials: dict[str, str]
) -> None:
    answer = stack.run("drill", environ=credentials)
    assert answer.code == 2
    assert "real" in answer.err
