"""WhatsApp's window at send time: text, template, or a person."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from pydantic import ValidationError

from services.delivery.application.ports import Attempt, ContentAway, Template
from services.delivery.application.window_gate import WindowGate
from services.delivery.domain.intent import Channel, HandleType, Intent
from services.delivery.domain.outcomes import Barred, NotSent
from services.delivery.domain.window import MOST_FILLED, Templates, filled
from services.delivery.settings import Settings
from tests.unit.delivery.letters import LETTER, intent

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
DAY = timedelta(hours=24)
SID = "HX" + "0" * 32
GERMAN = "HX" + "1" * 32
TEMPLATES = Templates({"en": SID, "de": GERMAN})


@dataclass
class Agent:
    """What the agent says of the window, or that it is away."""

    end: datetime | None = None
    away: bool = False
    asked: list[UUID] = field(default_factory=list)

    async def fetch(self, row_ids: Sequence[UUID]) -> Sequence[tuple[Intent, str]]:
        raise AssertionError

    async def window_end(self, row_id: UUID) -> datetime | None:
        self.asked.append(row_id)
        if self.away:
            raise ContentAway("away")
        return self.end


def attempt(
    end: datetime | None,
    *,
    now: datetime = NOW,
    text: str = "Press *Forgot password*.",
    language: str = "en",
) -> Attempt:
    letter = replace(
        LETTER,
        recipient_type=HandleType.PHONE,
        recipient="+15550100",
        text=text,
        window_end_time=end,
        language=language,
    )
    return Attempt(intent(Channel.WHATSAPP, letter), 1, 30, claim_time=now)


async def test_inside_the_window_the_text_goes_and_nobody_is_asked() -> None:
    agent, inside = Agent(), attempt(NOW + timedelta(minutes=5, seconds=1))
    assert await WindowGate(agent, TEMPLATES).admit(inside) is inside
    assert agent.asked == []


async def test_a_customer_who_wrote_meanwhile_opened_it_again() -> None:
    agent, late = Agent(NOW + DAY), attempt(NOW - DAY)
    assert await WindowGate(agent, TEMPLATES).admit(late) is late
    assert agent.asked == [late.intent.intent_id]


@pytest.mark.parametrize(
    ("language", "sid"), [("en", SID), ("de", GERMAN), ("de-AT", GERMAN), ("pt", SID), ("", SID)]
)
async def test_outside_it_a_template_goes_in_the_customers_language(
    language: str, sid: str
) -> None:
    late = attempt(NOW, text="One.\n\n• two\t three", language=language)
    admitted = await WindowGate(Agent(NOW), TEMPLATES).admit(late)
    assert isinstance(admitted, Attempt)
    assert admitted.template == Template(sid, {"1": "FTE-ABCD1234", "2": "One. • two three"})


async def test_without_a_template_a_person_gets_it() -> None:
    assert await WindowGate(Agent(NOW), Templates()).admit(attempt(NOW)) == Barred("outside_window")
    assert await WindowGate(Agent(None), Templates()).admit(attempt(NOW)) == Barred(
        "outside_window"
    )


async def test_what_does_not_fit_into_the_template_is_a_persons() -> None:
    long = attempt(NOW, text="x" * (MOST_FILLED + 1))
    assert await WindowGate(Agent(NOW), TEMPLATES).admit(long) == Barred("too_long_for_template")
    assert filled("", "x" * MOST_FILLED) == {"1": "-", "2": "x" * MOST_FILLED}


async def test_while_nobody_can_tell_it_waits() -> None:
    gate = WindowGate(Agent(away=True), TEMPLATES)
    assert await gate.admit(attempt(NOW)) == NotSent("window_unknown")


async def test_an_attempt_without_a_time_counts_as_outside() -> None:
    timeless = Attempt(attempt(NOW + DAY).intent, 1, 30)
    assert await WindowGate(Agent(NOW + DAY), Templates()).admit(timeless) == Barred(
        "outside_window"
    )


async def test_no_free_text_leaves_in_the_last_minutes_or_later_whatever_the_moment() -> None:
    """Ten thousand moments around the end, and databases whose clocks are apart by up to four minutes."""
    chance = random.Random(24)  # noqa: S311 - a fixed stream, not a secret
    inside = 0
    for _ in range(10_000):
        wrote = NOW - timedelta(
            seconds=chance.uniform(DAY.total_seconds() - 900, DAY.total_seconds() + 900)
        )
        skew = timedelta(seconds=chance.uniform(-240, 240))
        frozen = wrote + DAY if chance.random() < 0.5 else wrote + DAY - timedelta(hours=1)
        admitted = await WindowGate(Agent(wrote + DAY), Templates()).admit(
            attempt(frozen, now=NOW + skew)
        )
        if isinstance(admitted, Attempt):
            inside += 1
            assert wrote + DAY > NOW, (wrote, skew)
    assert 1000 < inside < 9000


def settings(**changes: str) -> Settings:
    given = {
        "app_port": "8082",
        "dapr_grpc_port": "8102",
        "database_url": "postgresql://x",
        "public_url": "https://support.example.com",
        "gmail_address": "support@example.com",
        "gmail_client_id": "c",
        "gmail_client_secret": "s",
        "gmail_refresh_token": "r",
        "twilio_account_sid": "AC1",
        "twilio_auth_token": "t",
        **changes,
    }
    return Settings.model_validate(given)


def test_templates_are_set_by_language() -> None:
    found = settings(twilio_templates=f"en={SID}, de = {GERMAN}").templates()
    assert (found.of("de"), found.of("fr"), settings().templates().of("en")) == (GERMAN, SID, "")


@pytest.mark.parametrize("text", ["HX1", f"english={SID}", f"en={SID};de={GERMAN}", f"en={SID}0"])
def test_a_template_that_is_none_stops_the_start(text: str) -> None:
    with pytest.raises(ValidationError, match="write language=ContentSid"):
        settings(twilio_templates=text)


def test_without_a_key_of_twilio_nothing_starts() -> None:
    with pytest.raises(ValidationError, match="twilio_auth_token"):
        settings(twilio_auth_token="")
