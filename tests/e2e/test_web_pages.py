"""The pages in a real Chromium against the whole stack; the journeys themselves are in `web/journeys`."""

import asyncio
import os
import shutil
import subprocess
import sys
from uuid import uuid4

import pytest

from cli.outside import Outside, Ticket
from fte.agent.v1 import agent_service_pb2 as wire
from fte.agent.v1 import agent_service_pb2_grpc
from tests.e2e.running import ROOT, RunningStack
from tests.e2e.traffic import Traffic

WEB = ROOT / "web"
NOT_RUN = ROOT / "build" / "not-run.txt"
SECONDS = 60.0
NO_CHROMIUM = 3
PERSON = "Robin"


@pytest.fixture(scope="session")
def chromium() -> str:
    """The path of a Chromium; without one, or without the pages, the run says so in its last lines."""
    if not (ROOT / "build" / "web" / "pages.json").is_file() or shutil.which("node") is None:
        _not_run("the pages are not built (`make web` needs Node 20.19 or newer)")
    found = subprocess.run(
        ["node", "scripts/chromium.mjs"], cwd=WEB, capture_output=True, text=True, check=False
    )
    if found.returncode == NO_CHROMIUM:
        _not_run(found.stderr.strip().splitlines()[-1])
    assert found.returncode == 0, found.stderr
    return found.stdout.strip()


@pytest.mark.timeout(900)
async def test_the_journeys_in_a_real_browser(
    stack: RunningStack,
    outside: Outside,
    traffic: Traffic,
    agent: "agent_service_pb2_grpc.AgentServiceAsyncStub",
    chromium: str,
) -> None:
    held = await _held_by_a_person(outside, traffic, agent)
    environ = {
        **os.environ,
        "FTE_CHROMIUM": chromium,
        "FTE_WEB_URL": stack.environment.shared["FTE_PUBLIC_URL"],
        "FTE_WEB_HELD": held.status_url,
        "NO_COLOR": "1",
    }
    journeys = await asyncio.create_subprocess_exec(
        *("node", "node_modules/vitest/vitest.mjs", "run", "--project", "journeys"),
        cwd=WEB,
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    try:
        said, _ = await journeys.communicate()
    finally:
        if journeys.returncode is None:
            journeys.kill()
    report = said.decode(errors="replace")
    # In the run's output whether it went well or not: it says how long each journey took.
    sys.stderr.write(report)
    assert journeys.returncode == 0, report


async def _held_by_a_person(
    outside: Outside,
    traffic: Traffic,
    agent: "agent_service_pb2_grpc.AgentServiceAsyncStub",
) -> Ticket:
    """A request that Robin has and has answered."""
    ticket = await outside.submit(
        {
            "name": "Ada Example",
            "email": traffic.address(),
            "subject": "My workspace",
            "message": "I would like to talk to a person about my workspace.",
            "category": "general",
        }
    )
    await _lines(outside, ticket, 2)
    request = wire.GetTicketRequest(ticket_id=ticket.ticket_id)
    conversation_id = (await agent.GetTicket(request)).ticket.conversation_id
    await agent.TakeOver(wire.TakeOverRequest(conversation_id=conversation_id, person=PERSON))
    text = "Hello Ada, this is Robin. I have your workspace in front of me: what should change?"
    await agent.Reply(
        wire.ReplyRequest(
            conversation_id=conversation_id, person=PERSON, text=text, request_id=str(uuid4())
        )
    )
    await _lines(outside, ticket, 3)
    return ticket


async def _lines(outside: Outside, ticket: Ticket, count: int) -> None:
    async with asyncio.timeout(SECONDS):
        while len(await outside.status_page(ticket)) < count:  # noqa: ASYNC110 - another process
            await asyncio.sleep(0.2)


def _not_run(reason: str) -> None:
    NOT_RUN.parent.mkdir(exist_ok=True)
    with NOT_RUN.open("a") as notes:
        notes.write(f"the journeys in a real browser: {reason}\n")
    pytest.skip(reason)
