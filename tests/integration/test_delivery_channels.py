"""Channels on a real ledger: one that is switched off holds its messages, in order and with the reason, and no other."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from chassis.errors import Unavailable
from fte.conversation.v1 import conversation_pb2 as conversation
from fte.intake.v1 import intake_service_pb2 as intake
from fte.metrics.v1 import metrics_events_pb2 as metrics
from services.delivery.adapters.channel_ledger import PostgresChannelLedger
from services.delivery.adapters.channel_switches import ChannelSwitches
from services.delivery.application.channel_health import ChannelHealth
from services.delivery.application.send_due import SendDue
from services.delivery.domain.breaker import Phase
from services.delivery.domain.intent import Channel, State
from services.delivery.domain.transitions import Policy
from tests.integration.delivery_world import WINDOW, World, intent, world
from tests.integration.postgres import Database

NUMBERS = {
    Channel.EMAIL: conversation.CHANNEL_EMAIL,
    Channel.WHATSAPP: conversation.CHANNEL_WHATSAPP,
    Channel.WEB_FORM: conversation.CHANNEL_WEB_FORM,
}


class Configs:
    """Intake's channel configs, as a test sets them."""

    def __init__(self) -> None:
        self.enabled = dict.fromkeys(Channel, True)
        self.away = False

    async def GetChannelConfigs(  # noqa: N802
        self, _: intake.GetChannelConfigsRequest, **__: Any
    ) -> intake.GetChannelConfigsResponse:
        if self.away:
            raise Unavailable("nobody there")
        return intake.GetChannelConfigsResponse(
            configs=[
                intake.ChannelConfig(channel=NUMBERS[channel], enabled=enabled)
                for channel, enabled in self.enabled.items()
            ]
        )


class Channels:
    """A delivery world whose channels can be switched."""

    def __init__(self, made: World) -> None:
        self.world = made
        self.configs = Configs()
        self.ledger = PostgresChannelLedger(made.pool)
        self.moved: list[None] = []
        self.restart()

    def restart(self) -> None:
        made = self.world
        self.switches = ChannelSwitches(self.configs, self.ledger)  # type: ignore[arg-type]
        made.build()
        made.send = SendDue(
            made.store,
            made.far,
            dict.fromkeys(Channel, made.policy),
            made.heard,
            made.patience,
            "delivery-0",
            enabled=self.switches.enabled,
        )
        self.health = ChannelHealth(
            made.far, self.ledger, self.switches, made.send, lambda: datetime.now(UTC)
        )

    async def switch(self, channel: Channel, *, enabled: bool) -> None:
        self.configs.enabled[channel] = enabled
        await self.switches.read(lambda: self.moved.append(None))
        await self.health.check()

    async def send(self) -> None:
        while await self.world.send.claim_and_start():
            await self.world.send.settle()

    async def error(self, channel: Channel) -> set[str | None]:
        rows = await self.world.pool.fetch(
            "SELECT error FROM delivery.intents WHERE channel = $1", channel
        )
        return {row["error"] for row in rows}

    async def state(self, channel: Channel) -> Any:
        return next(s for s in await self.health.states() if s.channel is channel)

    async def facts(self) -> list[tuple[str, str]]:
        rows = await self.world.pool.fetch(
            "SELECT payload FROM delivery.metric_facts ORDER BY create_time, fact_id"
        )
        facts = [metrics.Fact.FromString(row["payload"]) for row in rows]
        return [
            (conversation.Channel.Name(f.channel).removeprefix("CHANNEL_").lower(), f.outcome)
            for f in facts
            if f.type == metrics.FACT_TYPE_PROVIDER_HEALTH
        ]


@pytest.fixture
async def channels(database: Database) -> AsyncIterator[Channels]:
    async with world(database) as made:
        yield Channels(made)


async def test_a_disabled_channel_holds_in_order_with_the_reason_and_no_other(
    channels: Channels,
) -> None:
    await channels.switch(Channel.WHATSAPP, enabled=False)
    talk = uuid4()
    held = [intent(Channel.WHATSAPP, n, conversation=talk, text=f"part {n}") for n in (1, 2, 3)]
    mail = intent(Channel.EMAIL)
    await channels.world.accept(*held, mail)
    await channels.send()
    assert await channels.world.state(mail) is State.SENT
    assert [await channels.world.state(one) for one in held] == [State.PENDING] * 3
    await channels.health.check()
    assert await channels.error(Channel.WHATSAPP) == {"channel_disabled"}
    state = await channels.state(Channel.WHATSAPP)
    assert (state.enabled, state.backlog.waiting) == (False, 3)
    assert state.backlog.oldest_seconds >= 0
    assert (await channels.state(Channel.EMAIL)).backlog.waiting == 0

    await channels.switch(Channel.WHATSAPP, enabled=True)
    assert await channels.error(Channel.WHATSAPP) == {None}
    for number, one in enumerate(held):
        await channels.send()
        await channels.world.hear_status(Channel.WHATSAPP, f"twilio-{number}", "sent", of=one)
    taken = channels.world.far[Channel.WHATSAPP].taken
    assert [one.letter.text for one in taken] == ["part 1", "part 2", "part 3"]
    assert len(channels.moved) == 2


async def test_a_switch_is_remembered_over_a_restart_without_intake(channels: Channels) -> None:
    await channels.switch(Channel.EMAIL, enabled=False)
    channels.configs.away = True
    channels.restart()
    await channels.switches.load()
    await channels.switches.read(lambda: None)
    assert not channels.switches.enabled(Channel.EMAIL)
    assert channels.switches.enabled(Channel.WHATSAPP)
    mail = intent(Channel.EMAIL)
    await channels.world.accept(mail)
    await channels.send()
    assert await channels.world.state(mail) is State.PENDING


async def test_what_a_disabled_channel_holds_too_long_goes_to_a_person(
    database: Database,
) -> None:
    async with world(database, Policy(window=WINDOW, give_up=timedelta())) as made:
        channels = Channels(made)
        await channels.switch(Channel.EMAIL, enabled=False)
        mail = intent(Channel.EMAIL)
        await made.accept(mail)
        await channels.health.check()
        assert await made.state(mail) is State.NEEDS_HUMAN
        assert made.heard.last(mail.intent_id) is not None
        error = await made.pool.fetchval("SELECT error FROM delivery.intents")
        assert error == "channel_disabled"


async def test_each_check_is_a_fact_by_channel(channels: Channels) -> None:
    channels.world.far[Channel.WHATSAPP].actions = [
        "lose"
    ]  # Answers nothing while it has work to spoil.
    await channels.switch(Channel.EMAIL, enabled=False)
    assert sorted(await channels.facts()) == [
        ("email", "disabled"), ("web_form", "answers"), ("whatsapp", "dark"),
    ]  # fmt: skip
    state = await channels.state(Channel.WHATSAPP)
    assert state.check is not None
    assert not state.check.answers


async def test_a_breaker_that_opens_is_counted_shown_and_a_fact(channels: Channels) -> None:
    channels.world.far[Channel.WHATSAPP].actions = ["fault"] * 3
    for _ in range(3):
        await channels.world.accept(intent(Channel.WHATSAPP))
        await channels.send()
    state = await channels.state(Channel.WHATSAPP)
    assert (state.standing.phase, state.standing.faults) == (Phase.OPEN, 3)
    assert state.standing.openings == 1
    assert ("whatsapp", "open") in await channels.facts()
    assert channels.world.send.outcomes == {(Channel.WHATSAPP, "unknown"): 3}
    assert (await channels.state(Channel.EMAIL)).standing.phase is Phase.CLOSED


async def test_refusals_about_one_customer_open_nothing(channels: Channels) -> None:
    channels.world.far[Channel.WHATSAPP].actions = ["reject"] * 10
    for _ in range(10):
        await channels.world.accept(intent(Channel.WHATSAPP))
        await channels.send()
    standing = (await channels.state(Channel.WHATSAPP)).standing
    assert (standing.phase, standing.faults, standing.openings) == (Phase.CLOSED, 0, 0)
