"""Owns the settings of the Twilio simulator."""

from dataclasses import dataclass
from pathlib import Path

from devstack.ports import Port
from simulators import environment


@dataclass(frozen=True, slots=True)
class Settings:
    """Holds the account, its WhatsApp number and where webhooks go."""

    port: int
    home: Path
    account_sid: str
    auth_token: str
    number: str
    public_url: str

    @property
    def sender(self) -> str:
        """Returns the account's own WhatsApp address."""
        return f"whatsapp:{self.number.removeprefix('whatsapp:')}"

    @property
    def webhook_url(self) -> str:
        """Returns the address that inbound messages are posted to."""
        return f"{self.public_url.rstrip('/')}/webhooks/whatsapp"

    @classmethod
    def from_environment(cls) -> "Settings":
        """Reads the settings.

        Raises:
            SettingMissingError: if the account's SID or token is absent.
        """
        return cls(
            port=environment.port(Port.TWILIO),
            home=environment.home(),
            account_sid=environment.required("FTE_TWILIO_ACCOUNT_SID"),
            auth_token=environment.required("FTE_TWILIO_AUTH_TOKEN"),
            number=environment.optional("FTE_TWILIO_WHATSAPP_FROM", "+14155238886"),
            public_url=environment.optional("FTE_PUBLIC_URL", "http://127.0.0.1:8080"),
        )
