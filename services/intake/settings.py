"""Intake's settings."""

from datetime import timedelta
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field, SecretStr, field_validator

from chassis.google_access import GmailSettings
from chassis.settings import ServiceSettings


def _no_blank(secret: SecretStr) -> SecretStr:
    if not secret.get_secret_value().strip():
        raise ValueError("must not be blank")
    return secret


Secret = Annotated[SecretStr, Field(min_length=1), AfterValidator(_no_blank)]
Text = Annotated[str, Field(min_length=1)]


class IntakeSettings(GmailSettings, ServiceSettings):
    """What intake needs beside what every service needs."""

    http_port: int = Field(default=8080, ge=1, le=65535, description="port of the HTTP edge")
    public_url: Text = Field(
        description="address under which customers and providers reach the HTTP edge, without a final slash"
    )
    link_secret: SecretStr = Field(
        min_length=32, description="key from which the tokens of status links are derived"
    )
    cors_origins: str = Field(
        default="", description="origins that browsers may call from, separated by commas"
    )
    body_seconds: float = Field(
        default=10.0, gt=0, description="longest time that a request body may take to arrive"
    )
    header_seconds: float = Field(
        default=10.0, gt=0, description="longest time that a request's header may take to arrive"
    )
    reader_seconds: float = Field(
        default=15.0,
        gt=0,
        description="time in which a client must read 16 KiB of its answer, or the rest",
    )
    requests_per_address: int = Field(
        default=600,
        ge=1,
        description="requests a minute of one address (of one /64 in IPv6), webhooks and health apart; a sixth of them "
        "at once",
    )
    requests_per_key: int = Field(
        default=600, ge=1, description="requests a minute of one API key; a sixth of them at once"
    )
    local_api_key: SecretStr = Field(
        default=SecretStr(""),
        description="key that is admitted at the start, by the name `local` and with every scope; for laptops, empty "
        "elsewhere",
    )
    trusted_proxies: int = Field(
        default=0,
        ge=0,
        le=10,
        description="own proxies before the HTTP edge; each adds the address that it saw to `X-Forwarded-For`",
    )
    expected_reply: str = Field(
        default="",
        description="what a customer is told about the time of an answer; empty: a few minutes, at most 24 hours, "
        "said in the reader's language",
    )
    web_dir: Path = Field(
        default=Path("build/web"),
        description="folder of the built pages; without it the API works alone",
    )
    form_posts_per_minute: int = Field(
        default=60, gt=0, description="forms that one email address may be given in a minute"
    )

    twilio_account_sid: Text = Field(description="our account at Twilio")
    twilio_auth_token: Secret = Field(description="key of Twilio's webhook signatures")
    twilio_whatsapp_from: Text = Field(default="+14155238886", description="our WhatsApp number")

    gmail_topic: Text = Field(description="Pub/Sub topic that Gmail announces changes on")
    mail_poll_seconds: float = Field(
        default=30.0,
        gt=0,
        le=240,
        description="longest wait between two looks into a mailbox; at most four minutes, so that a mail is found within "
        "five without any push",
    )

    pubsub_audience: Text = Field(description="audience of the push's token, compared exactly")
    pubsub_service_account: Text = Field(description="service account that pushes")
    pubsub_subscription: Text = Field(
        description="subscriptions that may push, separated by commas"
    )
    pubsub_keys_url: Text = Field(
        default="https://www.googleapis.com/oauth2/v3/certs", description="keys of the push's token"
    )
    pubsub_issuer: Text = Field(
        default="https://accounts.google.com", description="issuer of the push's token"
    )

    @field_validator("public_url")
    @classmethod
    def _without_slash(cls, value: str) -> str:
        if not value.startswith(("http://", "https://")):
            raise ValueError("must start with http:// or https://")
        return value.rstrip("/")

    @field_validator("cors_origins")
    @classmethod
    def _no_wildcard(cls, value: str) -> str:
        if "*" in value:
            raise ValueError("must name each origin; * is not accepted")
        return value

    @property
    def allowed_origins(self) -> tuple[str, ...]:
        """The origins that browsers may call from."""
        return _listed(self.cors_origins)

    @property
    def subscriptions(self) -> frozenset[str]:
        """The subscriptions that may push."""
        return frozenset(_listed(self.pubsub_subscription))

    @property
    def mail_poll_interval(self) -> timedelta:
        """The longest wait between two looks into the mailbox."""
        return timedelta(seconds=self.mail_poll_seconds)


def _listed(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())
