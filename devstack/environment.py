"""Owns what each process of the local stack finds in its environment.

Local defaults come from the ports and the home's secrets; a value in the caller's environment
wins. Real credentials there switch the matching simulator off.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from devstack.ports import LOOPBACK, SERVICES, Port, Ports
from devstack.secrets import load_secrets

DATABASE: Final = "fte"
SUPERUSER: Final = "postgres"
ROLES: Final = (
    "fte_intake",
    "fte_agent",
    "fte_turn",
    "fte_identity",
    "fte_delivery",
    "fte_metrics",
    "fte_state",
)

# What a process needs to run at all. Everything else of the caller's shell stays outside.
_PASSED_ON: Final = (
    "PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", "SSL_CERT_FILE", "SSL_CERT_DIR",
    "HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy", "PYTHONWARNINGS",
)  # fmt: skip
_PASSED_ON_PREFIXES: Final = ("FTE_", "OTEL_")
_LOCAL_HOSTS: Final = "127.0.0.1,localhost"

_TWILIO_REAL: Final = "https://api.twilio.com"
_GMAIL_REAL: Final = "https://gmail.googleapis.com"
_GOOGLE_TOKEN_REAL: Final = "https://oauth2.googleapis.com/token"  # noqa: S105 - an address
_GOOGLE_KEYS_REAL: Final = "https://www.googleapis.com/oauth2/v3/certs"
# A simulator answers and shows a message at once; a real provider may take minutes.
_SIMULATED_WAITS: Final = {
    "FTE_GMAIL_WITNESS_WINDOW_SECONDS": "6",
    "FTE_TWILIO_WITNESS_WINDOW_SECONDS": "6",
    "FTE_SEND_SECONDS": "5",
    "FTE_ATTEMPT_SECONDS": "10",
}
_GOOGLE_ISSUER: Final = "https://accounts.google.com"


@dataclass(frozen=True, slots=True)
class Environment:
    """Holds one stack's home, ports and settings, and derives each process's environment."""

    home: Path
    ports: Ports
    secrets: Mapping[str, str]
    shared: Mapping[str, str]
    passed_on: Mapping[str, str]

    @property
    def gmail_simulated(self) -> bool:
        """Tells whether the Gmail address in force is the local simulator's."""
        return self.shared["FTE_GMAIL_API_URL"] == self.ports.url(Port.GMAIL)

    @property
    def twilio_simulated(self) -> bool:
        """Tells whether the Twilio address in force is the local simulator's."""
        return self.shared["FTE_TWILIO_API_URL"] == self.ports.url(Port.TWILIO)

    @property
    def model_mode(self) -> str:
        """Returns the model in use, in words for the operator."""
        if not self.shared["FTE_OPENAI_API_KEY"]:
            return "offline policy (no key)"
        return f"{self.shared['FTE_OPENAI_MODEL']} at {self.shared['FTE_OPENAI_BASE_URL']}"

    @property
    def logs(self) -> Path:
        """Returns the folder with one log file per process."""
        return self.home / "logs"

    def database_url(self, role: str) -> str:
        """Returns the address of the stack's database for one role; `postgres` is the superuser."""
        secret = "POSTGRES_SUPERUSER" if role == SUPERUSER else f"ROLE_{role.upper()}"
        password, port = self.secrets[secret], self.ports[Port.POSTGRES]
        return f"postgresql://{role}:{password}@{LOOPBACK}:{port}/{DATABASE}"

    def nats_url(self) -> str:
        """Returns the broker's address."""
        return f"nats://{LOOPBACK}:{self.ports[Port.NATS]}"

    def service(self, name: str) -> dict[str, str]:
        """Returns the whole environment of one service process."""
        values = {
            **self.passed_on,
            **self.shared,
            "APP_API_TOKEN": self.secrets["APP_API_TOKEN"],
            "DAPR_API_TOKEN": self.secrets["DAPR_API_TOKEN"],
            "APP_ID": name,
            "APP_PORT": str(self.ports.of(name, "APP")),
            "DAPR_GRPC_PORT": str(self.ports.of(name, "DAPR_GRPC")),
            "DAPR_HTTP_PORT": str(self.ports.of(name, "DAPR_HTTP")),
            "FTE_INSTANCE": f"{name}-0",
            "FTE_DATABASE_URL": self.database_url(f"fte_{name}"),
        }
        if name == "intake":
            values["FTE_HTTP_PORT"] = str(self.ports[Port.INTAKE_HTTP])
        if name == "agent":
            values["FTE_TURN_DATABASE_URL"] = self.database_url("fte_turn")
        if name == "delivery" and self.gmail_simulated and self.twilio_simulated:
            values = {**_SIMULATED_WAITS, **values}
        if f"{name.upper()}_LOCAL" in Port.__members__:
            values["FTE_LOCAL_GRPC_PORT"] = str(self.ports.of(name, "LOCAL"))
            values["FTE_API_KEY"] = self.shared["FTE_API_KEY"]
        return values

    def sidecar(self, name: str) -> dict[str, str]:
        """Returns the whole environment of one sidecar, `envRef` values of components included."""
        values = {
            **self.passed_on,
            "APP_API_TOKEN": self.secrets["APP_API_TOKEN"],
            "DAPR_API_TOKEN": self.secrets["DAPR_API_TOKEN"],
            "DAPR_HOST_IP": LOOPBACK,
            "FTE_GMAIL_API_URL": self.shared["FTE_GMAIL_API_URL"],
            "FTE_TWILIO_API_URL": self.shared["FTE_TWILIO_API_URL"],
            "FTE_NATS_URL": self.nats_url(),
            "FTE_NAME_RESOLUTION_FILE": str(self.home / "names.db"),
        }
        # Passwords go only to the sidecar whose components need them.
        if name == "agent":
            values["FTE_STATE_DATABASE_URL"] = self.database_url("fte_state")
        if name == "metrics":
            values["FTE_METRICS_DATABASE_URL"] = self.database_url("fte_metrics")
        return values

    def simulator(self, name: str) -> dict[str, str]:
        """Returns the whole environment of one simulator process."""
        return {
            **self.passed_on,
            **self.shared,
            "FTE_SIMULATOR_PORT": str(self.ports[Port[name.upper()]]),
        }

    def exported(self) -> dict[str, str]:
        """Returns what a local caller needs: shared settings and the callers' addresses."""
        local = {
            f"FTE_{name.upper()}_GRPC": f"{LOOPBACK}:{self.ports.of(name, 'LOCAL')}"
            for name in SERVICES
            if f"{name.upper()}_LOCAL" in Port.__members__
        }
        return {**self.shared, **local}


def load_environment(caller: Mapping[str, str] | None = None) -> Environment:
    """Builds the stack's settings from the caller's environment and the home's secrets.

    Makes the home folder (`FTE_HOME`, default `./.fte`) and its secrets when they are missing.

    Raises:
        StackError: if `FTE_PORT_BASE` is out of range or the secrets file is damaged.
    """
    environ = os.environ if caller is None else caller
    ports = Ports.from_environment(environ)
    home = Path(environ.get("FTE_HOME") or ".fte").absolute()
    secrets = load_secrets(home)
    defaults = _defaults(environ, ports, home, secrets)
    shared = {name: environ.get(name) or value for name, value in defaults.items()}
    return Environment(home, ports, secrets, shared, _passed_on(environ))


def _passed_on(environ: Mapping[str, str]) -> dict[str, str]:
    kept = {
        name: value
        for name, value in environ.items()
        if name in _PASSED_ON or name.startswith(_PASSED_ON_PREFIXES)
    }
    # A proxy for the outside world must not see calls between local processes.
    spared = ",".join(filter(None, (environ.get("NO_PROXY"), _LOCAL_HOSTS)))
    return {**kept, "NO_PROXY": spared, "no_proxy": spared, "PYTHONUNBUFFERED": "1"}


def _defaults(
    environ: Mapping[str, str], ports: Ports, home: Path, secrets: Mapping[str, str]
) -> dict[str, str]:
    public_url = environ.get("FTE_PUBLIC_URL") or ports.url(Port.INTAKE_HTTP)
    return {
        "FTE_HOME": str(home),
        "FTE_PORT_BASE": str(ports.base),
        "FTE_PUBLIC_URL": public_url,
        "FTE_LINK_SECRET": secrets["FTE_LINK_SECRET"],
        "FTE_API_KEY": secrets["FTE_API_KEY"],
        "FTE_CONTEXT_DIR": "context",
        **_twilio(environ, ports, secrets),
        **_gmail(environ, ports, secrets, public_url),
        "FTE_OPENAI_API_KEY": "",
        "FTE_OPENAI_BASE_URL": "https://api.openai.com/v1",
        "FTE_OPENAI_MODEL": "gpt-5-mini",
    }


def _twilio(environ: Mapping[str, str], ports: Ports, secrets: Mapping[str, str]) -> dict[str, str]:
    real = bool(environ.get("FTE_TWILIO_ACCOUNT_SID") and environ.get("FTE_TWILIO_AUTH_TOKEN"))
    return {
        "FTE_TWILIO_ACCOUNT_SID": secrets["FTE_TWILIO_ACCOUNT_SID"],
        "FTE_TWILIO_AUTH_TOKEN": secrets["FTE_TWILIO_AUTH_TOKEN"],
        "FTE_TWILIO_WHATSAPP_FROM": "+14155238886",
        "FTE_TWILIO_API_URL": _TWILIO_REAL if real else ports.url(Port.TWILIO),
    }


def _gmail(
    environ: Mapping[str, str], ports: Ports, secrets: Mapping[str, str], public_url: str
) -> dict[str, str]:
    client = environ.get("FTE_GMAIL_CLIENT_ID") and environ.get("FTE_GMAIL_REFRESH_TOKEN")
    real = bool(client or environ.get("FTE_GMAIL_SERVICE_ACCOUNT"))
    simulator = ports.url(Port.GMAIL)
    mailboxes = (environ.get("FTE_GMAIL_ADDRESS") or "support@example.com").split(",")
    token = secrets["FTE_GMAIL_REFRESH_TOKEN"]
    tokens = [token, *(f"{token}-{number}" for number in range(2, len(mailboxes) + 1))]
    return {
        "FTE_GMAIL_ADDRESS": "support@example.com",
        "FTE_GMAIL_API_URL": _GMAIL_REAL if real else simulator,
        "FTE_GMAIL_TOKEN_URL": _GOOGLE_TOKEN_REAL if real else f"{simulator}/token",
        "FTE_GMAIL_CLIENT_ID": secrets["FTE_GMAIL_CLIENT_ID"],
        "FTE_GMAIL_CLIENT_SECRET": secrets["FTE_GMAIL_CLIENT_SECRET"],
        "FTE_GMAIL_REFRESH_TOKEN": ",".join(tokens),
        "FTE_GMAIL_TOPIC": "projects/local/topics/gmail",
        "FTE_PUBSUB_AUDIENCE": f"{public_url}/webhooks/gmail",
        "FTE_PUBSUB_SERVICE_ACCOUNT": "push@local.iam.gserviceaccount.com",
        "FTE_PUBSUB_SUBSCRIPTION": "projects/local/subscriptions/gmail-push",
        "FTE_PUBSUB_KEYS_URL": _GOOGLE_KEYS_REAL if real else f"{simulator}/certs",
        "FTE_PUBSUB_ISSUER": _GOOGLE_ISSUER,
    }
