"""A provider goes dark, a channel is switched off: the others go on, health shows it, the backlog drains in order."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from cli.outside import Outside
from drill.checker import check
from tests.e2e.running import RunningStack
from tests.e2e.traffic import Traffic

SECONDS = 60.0
SENDS = r".*/Messages\.json$"
EACH = 3


async def eventually(holds: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(SECONDS):
        while not await holds():  # noqa: ASYNC110 - another process
            await asyncio.sleep(0.25)


@asynccontextmanager
async def twilio_dark(stack: RunningStack, outside: Outside) -> AsyncIterator[None]:
    """Lets Twilio answer 503 to everything, sends and readings, before it takes any effect."""
    faults = f"{stack.environment.shared['FTE_TWILIO_API_URL']}/_faults"
    rules = [
        {"method": m, "path": SENDS, "action": "status", "times": 100_000} for m in ("POST", "GET")
    ]
    (await outside.http.post(faults, json={"rules": rules})).raise_for_status()
    try:
        yield
    finally:
        (await outside.http.delete(faults)).raise_for_status()


async def channel(outside: Outside, name: str) -> dict[str, Any]:
    answer = await outside.http.get(outside.url("/health"))
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()["channels"][name]
    return found


async def test_a_dark_provider_holds_up_its_own_channel_only(
    stack: RunningStack, outside: Outside, traffic: Traffic
) -> None:
    others = Traffic(outside, seed=20261125)
    numbers = [traffic.number() for _ in range(EACH)]
    before = len(await outside.whatsapps_sent())
    async with twilio_dark(stack, outside):
        for number in numbers:
            await outside.open_window(number)
            await traffic.webhook(outside.webhook_form(number, "How do I reset my password?"))

        async def opened() -> bool:
            state = await channel(outside, "whatsapp")
            return bool(state["status"] == "degraded" and state["breaker"] != "closed")

        await eventually(opened)
        # A second question of each, which must not overtake the first.
        for number in numbers:
            await traffic.webhook(outside.webhook_form(number, "How do I export my data?"))
        await others.mail()
        await others.form()
        verdict = await check(stack.dsn, outside, others.sent_in, SECONDS)
        assert not verdict.problems, verdict
        assert (verdict.messages, verdict.answers) == (2, 2)
        dark = await channel(outside, "whatsapp")
        assert dark["openings"] >= 1
        assert dark["waiting"] >= EACH
        assert {(await channel(outside, name))["status"] for name in ("email", "web_form")} == {
            "ok"
        }
        assert not [one for one in await outside.whatsapps_sent(before) if one.to in numbers]
    verdict = await check(stack.dsn, outside, traffic.sent_in, SECONDS)
    # The checker knows order, doubles and losses.
    assert not verdict.problems, verdict
    assert verdict.messages == 2 * EACH

    async def drained() -> bool:
        state = await channel(outside, "whatsapp")
        return (state["breaker"], state["waiting"]) == ("closed", 0)

    await eventually(drained)


@asynccontextmanager
async def switched_off(stack: RunningStack, name: str) -> AsyncIterator[None]:
    done = await asyncio.to_thread(stack.run, "channels", "disable", name)
    assert done.code == 0, done
    try:
        yield
    finally:
        done = await asyncio.to_thread(stack.run, "channels", "enable", name)
        assert done.code == 0, done


async def test_a_disabled_channel_keeps_what_comes_in_and_holds_what_is_to_go_out(
    stack: RunningStack, outside: Outside, traffic: Traffic
) -> None:
    others = Traffic(outside, seed=20261126)
    async with switched_off(stack, "email"):

        async def off() -> bool:
            return bool((await channel(outside, "email"))["status"] == "disabled")

        await eventually(off)
        await traffic.mail()
        [(_, address)] = traffic.sent_in.mails.values()

        async def waits() -> bool:
            return bool((await channel(outside, "email"))["waiting"] >= 1)

        await eventually(waits)
        listed = await asyncio.to_thread(stack.run, "channels", "list", "--json")
        sends = {one["channel"]: one["enabled"] for one in listed.json()}
        assert sends == {"email": False, "whatsapp": True, "web_form": True}
        await others.whatsapp()
        verdict = await check(stack.dsn, outside, others.sent_in, SECONDS)
        assert not verdict.problems, verdict
        assert not [one for one in await outside.mails_sent() if one.to == address]
    verdict = await check(stack.dsn, outside, traffic.sent_in, SECONDS)
    assert not verdict.problems, verdict
    assert verdict.answers == 1
