"""Owns the settings of the Gmail simulator."""

from dataclasses import dataclass
from pathlib import Path

from devstack.ports import Port
from simulators import environment


@dataclass(frozen=True, slots=True)
class Settings:
    """Holds the mailbox, its OAuth client, and the Pub/Sub subscription that pushes."""

    port: int
    home: Path
    address: str
    client_id: str
    client_secret: str
    refresh_token: str
    topic: str
    public_url: str
    subscription: str
    audience: str
    service_account: str
    issuer: str

    @property
    def push_url(self) -> str:
        """Returns the address that notifications are pushed to."""
        return f"{self.public_url.rstrip('/')}/webhooks/gmail"

    @classmethod
    def from_environment(cls) -> "Settings":
        """Reads the settings.

        Raises:
            SettingMissingError: if the OAuth client or its refresh token is absent.
        """
        public_url = environment.optional("FTE_PUBLIC_URL", "http://127.0.0.1:8080")
        audience = f"{public_url.rstrip('/')}/webhooks/gmail"
        return cls(
            port=environment.port(Port.GMAIL),
            home=environment.home(),
            address=environment.optional("FTE_GMAIL_ADDRESS", "support@example.com"),
            client_id=environment.required("FTE_GMAIL_CLIENT_ID"),
            client_secret=environment.required("FTE_GMAIL_CLIENT_SECRET"),
            refresh_token=environment.required("FTE_GMAIL_REFRESH_TOKEN"),
            topic=environment.optional("FTE_GMAIL_TOPIC", "projects/local/topics/gmail"),
            public_url=public_url,
            subscription=environment.optional(
                "FTE_PUBSUB_SUBSCRIPTION", "projects/local/subscriptions/gmail-push"
            ),
            audience=environment.optional("FTE_PUBSUB_AUDIENCE", audience),
            service_account=environment.optional(
                "FTE_PUBSUB_SERVICE_ACCOUNT", "push@local.iam.gserviceaccount.com"
            ),
            issuer=environment.optional("FTE_PUBSUB_ISSUER", "https://accounts.google.com"),
        )
