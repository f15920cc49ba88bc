"""Delivery's settings."""

import re
from collections.abc import Iterator
from datetime import timedelta

from pydantic import Field, SecretStr, ValidationInfo, field_validator

from chassis.google_access import GmailSettings
from chassis.settings import ServiceSettings
from services.delivery.application.ports import Patience
from services.delivery.domain.breaker import Tolerance
from services.delivery.domain.intent import Channel
from services.delivery.domain.transitions import Policy
from services.delivery.domain.window import Templates

_TEMPLATE = re.compile(r"\s*([a-z]{2,3})\s*=\s*(HX[0-9a-fA-F]{32})\s*")


class Settings(GmailSettings, ServiceSettings):
    """What delivery reads from the environment beside what every service has."""

    public_url: str = Field(description="where providers report what became of a message")

    twilio_account_sid: str = Field(description="the Twilio account")
    twilio_auth_token: SecretStr = Field(min_length=1, description="token of the Twilio account")
    twilio_whatsapp_from: str = Field(
        default="+14155238886", description="the WhatsApp sender, E.164"
    )
    twilio_templates: str = Field(
        default="",
        description="approved templates for customers who have not written for a day, by language: "
        "`en=HX…, de=HX…`; {{1}} is the ticket's reference, {{2}} the text; without one a person gets the matter",
    )
    twilio_messages_per_second: float = Field(
        default=80.0,
        gt=0,
        description="longest pace of the WhatsApp sender in one replica: Twilio starts a sender with 80 a second; the "
        "sandbox takes one in three seconds",
    )

    sends_at_once: int = Field(
        default=16,
        ge=1,
        le=256,
        description="requests under way at once; providers take some ten a second, and each may last `FTE_SEND_SECONDS`",
    )
    attempt_seconds: float = Field(
        default=30.0,
        gt=0,
        description="after which an attempt without an end counts as unknown; a request that could outlast it does not "
        "start, so it must hold the draft and the send with room to spare: two sends or more",
    )
    send_seconds: float = Field(
        default=12.0,
        gt=0,
        validate_default=True,
        description="longest sending request; above the binding's `responseTimeout` of 10 s, so that the binding ends a "
        "call first and says how",
    )
    poll_seconds: float = Field(
        default=0.5,
        gt=0,
        description="how often due work is looked for without a hint: the longest that a lost hint delays an answer",
    )
    gmail_witness_window_seconds: float = Field(
        default=120.0,
        gt=0,
        description="how long an unknown mail may stay unseen before a resend; drafts and threads show a send within "
        "seconds, two minutes leave room for a slow mailbox",
    )
    twilio_witness_window_seconds: float = Field(
        default=300.0,
        gt=0,
        description="how long an unknown WhatsApp message may stay unseen before a resend; Twilio repeats a callback over "
        "minutes, and how late a message appears in its list is documented nowhere",
    )
    most_resends: int = Field(
        default=1,
        ge=0,
        description="resends of an unknown outcome whose witnesses saw nothing: each may be a second copy, so one and "
        "then a person",
    )
    never_resend: bool = Field(
        default=False,
        description="whether an unknown outcome becomes a person's work instead of a resend; for those to whom a second "
        "copy is worse than a late answer",
    )
    give_up_hours: float = Field(
        default=4.0,
        gt=0,
        description="after which undecided or unsendable work goes to a person: longer than most outages, and within "
        "the working day",
    )
    follower_wait_seconds: float = Field(
        default=30.0,
        ge=0,
        description="how long a WhatsApp part waits for its predecessor's status `sent` before Twilio is asked; the "
        "callback comes within seconds or was lost",
    )
    first_back_off_seconds: float = Field(
        default=2.0,
        gt=0,
        description="wait after the first attempt that surely did not send; five times longer each time, so that six "
        "attempts reach over half an hour",
    )
    longest_back_off_seconds: float = Field(
        default=900.0,
        gt=0,
        description="longest of these waits: what a customer may wait beyond the provider's trouble",
    )
    breaker_faults: int = Field(
        default=3,
        ge=1,
        description="faults in a row after which a provider counts as dark: one or two happen to anybody, each more may "
        "be an unknown outcome",
    )
    breaker_first_wait_seconds: float = Field(
        default=5.0,
        gt=0,
        description="wait before a dark provider is asked by a reading; a restart of its front door is over by then",
    )
    breaker_longest_wait_seconds: float = Field(
        default=60.0,
        gt=0,
        description="longest of these waits, which double: what an answer waits at most once the provider is back",
    )

    @field_validator("twilio_templates")
    @classmethod
    def _are_templates(cls, text: str) -> str:
        wrong = [
            part.strip()
            for part in text.split(",")
            if part.strip() and not _TEMPLATE.fullmatch(part)
        ]
        if wrong:
            raise ValueError(f"write language=ContentSid, as in en=HX0123…, not {wrong[0]}")
        return text

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
            tolerance=Tolerance(
                faults=self.breaker_faults,
                first_wait_seconds=self.breaker_first_wait_seconds,
                longest_wait_seconds=self.breaker_longest_wait_seconds,
            ),
        )

    def templates(self) -> Templates:
        """Returns the approved templates by language."""
        return Templates(dict(_pairs(self.twilio_templates)))

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
            most_resends=self.most_resends,
            first_back_off=timedelta(seconds=self.first_back_off_seconds),
            longest_back_off=timedelta(seconds=self.longest_back_off_seconds),
        )


def _pairs(text: str) -> Iterator[tuple[str, str]]:
    for part in text.split(","):
        if found := _TEMPLATE.fullmatch(part):
            yield found[1], found[2]
