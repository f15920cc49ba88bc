"""Settings: what is missing is named, what is unsafe is refused."""

import pytest

from chassis.settings import load
from services.intake.settings import IntakeSettings

GOOD = {
    "APP_PORT": "8081",
    "DAPR_GRPC_PORT": "8101",
    "FTE_DATABASE_URL": "postgresql://fte_intake@127.0.0.1/fte",
    "FTE_PUBLIC_URL": "https://support.example.com/",
    "FTE_LINK_SECRET": "s" * 32,
    "FTE_TWILIO_ACCOUNT_SID": "AC1",
    "FTE_TWILIO_AUTH_TOKEN": "t",
    "FTE_GMAIL_ADDRESS": "support@example.com",
    "FTE_GMAIL_CLIENT_ID": "c",
    "FTE_GMAIL_CLIENT_SECRET": "s",
    "FTE_GMAIL_REFRESH_TOKEN": "r",
    "FTE_GMAIL_TOPIC": "projects/p/topics/t",
    "FTE_PUBSUB_AUDIENCE": "https://support.example.com/webhooks/gmail",
    "FTE_PUBSUB_SERVICE_ACCOUNT": "push@p.iam.gserviceaccount.com",
    "FTE_PUBSUB_SUBSCRIPTION": "projects/p/s1, projects/p/s2",
}


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name, value in GOOD.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("FTE_CORS_ORIGINS", raising=False)
    return monkeypatch


def test_several_mailboxes_are_opened_by_a_token_each_or_by_a_service_account(
    environment: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    environment.setenv("FTE_GMAIL_ADDRESS", "Support@example.com, sales@example.com")
    with pytest.raises(SystemExit):
        load(IntakeSettings)
    assert "FTE_GMAIL_REFRESH_TOKEN" in capsys.readouterr().err
    environment.setenv("FTE_GMAIL_REFRESH_TOKEN", "r1,r2")
    settings = load(IntakeSettings)
    assert settings.mailboxes == ("support@example.com", "sales@example.com")
    assert list(settings.accesses()) == list(settings.mailboxes)
    for name in ("CLIENT_ID", "CLIENT_SECRET", "REFRESH_TOKEN"):
        environment.delenv(f"FTE_GMAIL_{name}")
    environment.setenv("FTE_GMAIL_SERVICE_ACCOUNT", '{"type": "service_account"}')
    with pytest.raises(SystemExit):
        load(IntakeSettings)
    said = capsys.readouterr().err
    assert "FTE_GMAIL_SERVICE_ACCOUNT" in said
    assert "type" not in said


@pytest.mark.parametrize("addresses", ["", "support", "a@example.com,A@example.com"])
def test_mailboxes_must_be_addresses_and_different(
    environment: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], addresses: str
) -> None:
    environment.setenv("FTE_GMAIL_ADDRESS", addresses)
    with pytest.raises(SystemExit):
        load(IntakeSettings)
    assert "FTE_GMAIL_ADDRESS" in capsys.readouterr().err


def test_a_look_is_never_further_away_than_a_mail_may_wait(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("FTE_MAIL_POLL_SECONDS", "300")
    with pytest.raises(SystemExit):
        load(IntakeSettings)


def test_good_settings(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("FTE_CORS_ORIGINS", "https://a.example, https://b.example")
    settings = load(IntakeSettings)
    assert settings.public_url == "https://support.example.com"
    assert settings.subscriptions == {"projects/p/s1", "projects/p/s2"}
    assert settings.allowed_origins == ("https://a.example", "https://b.example")
    assert "s" * 32 not in repr(settings)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("FTE_TWILIO_AUTH_TOKEN", ""),
        ("FTE_TWILIO_AUTH_TOKEN", " "),
        ("FTE_TWILIO_AUTH_TOKEN", None),
        ("FTE_LINK_SECRET", "short"),
        ("FTE_PUBSUB_AUDIENCE", None),
        ("FTE_PUBSUB_SERVICE_ACCOUNT", ""),
        ("FTE_PUBLIC_URL", "support.example.com"),
        ("FTE_CORS_ORIGINS", "*"),
    ],
)
def test_the_service_does_not_start_without(
    environment: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    name: str,
    value: str | None,
) -> None:
    if value is None:
        environment.delenv(name)
    else:
        environment.setenv(name, value)
    with pytest.raises(SystemExit):
        load(IntakeSettings)
    assert name in capsys.readouterr().err
