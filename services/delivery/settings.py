"""Delivery's settings."""

from datetime import timedelta

from pydantic import Field, SecretStr, ValidationInfo, field_validator

from chassis.settings import ServiceSettings
from services.delivery.application.ports import Patience
from services.delivery.domain.intent import Channel
from services.delivery.domain.transitions import Policy


class Settings(ServiceSettings):
    """What delivery reads from the environment beside what every service has."""

    public_url: str = Field(description="where providers report what became of a message")

    gmail_address: str = Field(description="the mailbox that answers")
    gmail_token_url: str = Field(
        default="https://oauth2.googleapis.com/token", description="where access tokens come from"
    )
    gmail_client_id: str = Field(description="OAuth client of the mailbox")
    gmail_client_secret: SecretStr = Field(description="secret of the OAuth client")
    gmail_refresh_token: SecretStr = Field(description="refresh token of the mailbox")

    twilio_account_sid: str = Field(description="the Twilio account")
    twilio_auth_token: SecretStr = Field(description="token of the Twilio account")
    twilio_whatsapp_from: str = Field(
        default="+14155238886", description="the WhatsApp sender, E.164"
    )

    sends_at_once: int = Field(default=16, ge=1, le=256, description="requests under way at once")
    attempt_seconds: float = Field(
        default=30.0,
        gt=0,
        description="after which an attempt without an end counts as unknown; two sends or more",
    )
    send_seconds: float = Field(
        default=12.0,
        gt=0,
        validate_default=True,
        description="longest sending request; the binding gives up before it",
    )
    poll_seconds: float = Field(
        default=0.5, gt=0, description="how often due work is looked for without a hint"
    )
    gmail_witness_window_seconds: float = Field(
        default=120.0, gt=0, description="how long an unknown mail may stay unseen before a resend"
    )
    twilio_witness_window_seconds: float = Field(
        default=300.0,
        gt=0,
        description="how long an unknown WhatsApp message may stay unseen before a resend",
    )
    never_resend: bool = Field(
        default=False, description="whether an unknown outcome always becomes a person's work"
    )
    give_up_hours: float = Field(
        default=4.0, gt=0, description="after which undecided or unsendable work goes to a person"
    )
    follower_wait_seconds: float = Field(
        default=30.0,
        ge=0,
        description="how long a WhatsApp part waits for its predecessor's status 'sent'",
    )

    @field_validator("send_seconds")
    @classmethod
    def _fits_into_an_attempt(cls, seconds: float, info: ValidationInfo) -> float:
        if seconds * 2 > float(info.data.get("attempt_seconds", seconds * 2)):
            raise ValueError("must be at most half of FTE_ATTEMPT_SECONDS")
        return seconds

    def patience(self) -> Patience:
        """Returns the times of the sending loop."""
        return Patience(
            attempt_seconds=self.attempt_seconds,
            send_seconds=self.send_seconds,
            poll_seconds=self.poll_seconds,
            at_once=self.sends_at_once,
        )

    def policies(self) -> dict[Channel, Policy]:
        """Returns how patient delivery is on each channel; a web answer can be seen at once."""
        return {
            Channel.EMAIL: self._policy(self.gmail_witness_window_seconds),
            Channel.WHATSAPP: self._policy(self.twilio_witness_window_seconds),
            Channel.WEB_FORM: self._policy(1.0),
        }

    def _policy(self, window_seconds: float) -> Policy:
        return Policy(
            window=timedelta(seconds=window_seconds),
            give_up=timedelta(hours=self.give_up_hours),
            never_resend=self.never_resend,
        )
