"""Owns the settings of the Gmail simulator."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from devstack.ports import Port
from simulators import environment


@dataclass(frozen=True, slots=True)
class Settings:
    """Holds the mailboxes, what opens them, and the Pub/Sub subscription that pushes.

    `refresh_tokens` gives the mailbox of each token. The service account's key is its JSON, absent if there is none.
    """

    port: int
    home: Path
    addresses: tuple[str, ...]
    client_id: str
    client_secret: str
    refresh_tokens: Mapping[str, str]
    service_account_key: Mapping[str, Any] | None
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
        addresses = _listed(
            environment.optional("FTE_GMAIL_ADDRESS", "support@example.com").lower()
        )
        account = environment.optional("FTE_GMAIL_SERVICE_ACCOUNT", "")
        tokens = _listed(environment.required("FTE_GMAIL_REFRESH_TOKEN"))
        public_url = environment.optional("FTE_PUBLIC_URL", "http://127.0.0.1:8080")
        audience = f"{public_url.rstrip('/')}/webhooks/gmail"
        return cls(
            port=environment.port(Port.GMAIL),
            home=environment.home(),
            addresses=addresses,
            client_id=environment.required("FTE_GMAIL_CLIENT_ID"),
            client_secret=environment.required("FTE_GMAIL_CLIENT_SECRET"),
            refresh_tokens=dict(zip(tokens, addresses, strict=False)),
            service_account_key=_key(account) if account else None,
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


def _listed(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _key(account: str) -> Mapping[str, Any]:
    """Returns a service account's key, from its JSON or its file."""
    text = account if account.lstrip().startswith("{") else Path(account).read_text()
    key: Mapping[str, Any] = json.loads(text)
    return key
