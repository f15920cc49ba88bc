"""Intake's settings."""

from datetime import timedelta
from pathlib import Path
from typing import Annotated

from pydantic import Field, SecretStr, field_validator

from chassis.settings import ServiceSettings

Secret = Annotated[SecretStr, Field(min_length=1)]
Text = Annotated[str, Field(min_length=1)]


class IntakeSettings(ServiceSettings):
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

    gmail_address: Text = Field(description="the mailbox that is read")
    gmail_token_url: Text = Field(
        default="https://oauth2.googleapis.com/token", description="OAuth token endpoint"
    )
    gmail_client_id: Text = Field(description="OAuth client")
    gmail_client_secret: Secret = Field(description="secret of the OAuth client")
    gmail_refresh_token: Secret = Field(description="OAuth refresh token of the mailbox")
    gmail_topic: Text = Field(description="Pub/Sub topic that Gmail announces changes on")
    mail_poll_seconds: float = Field(
        default=30.0, gt=0, description="longest wait between two looks into the mailbox"
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
