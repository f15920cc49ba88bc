"""Owns the random local secrets of one home folder, kept in a file only its owner can read."""

import json
import os
import secrets
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from devstack.failure import StackError


def _hex32() -> str:
    return secrets.token_hex(16)


# Alphanumeric throughout, so that a value never needs quoting in a URL or a shell.
_MAKERS: Final[Mapping[str, Callable[[], str]]] = {
    "POSTGRES_SUPERUSER": _hex32,
    "ROLE_FTE_INTAKE": _hex32,
    "ROLE_FTE_AGENT": _hex32,
    "ROLE_FTE_TURN": _hex32,
    "ROLE_FTE_IDENTITY": _hex32,
    "ROLE_FTE_DELIVERY": _hex32,
    "ROLE_FTE_METRICS": _hex32,
    "ROLE_FTE_STATE": _hex32,
    "DAPR_API_TOKEN": _hex32,
    "APP_API_TOKEN": _hex32,
    "FTE_API_KEY": _hex32,
    "FTE_LINK_SECRET": lambda: secrets.token_hex(32),
    "FTE_TWILIO_ACCOUNT_SID": lambda: "AC" + _hex32(),
    "FTE_TWILIO_AUTH_TOKEN": _hex32,
    "FTE_GMAIL_CLIENT_ID": lambda: f"local-{secrets.token_hex(8)}",
    "FTE_GMAIL_CLIENT_SECRET": _hex32,
    "FTE_GMAIL_REFRESH_TOKEN": _hex32,
}


def load_secrets(home: Path) -> dict[str, str]:
    """Returns the home's secrets by name, making those that are missing.

    Raises:
        StackError: if the file is damaged.
    """
    path = home / "secrets.json"
    known: dict[str, str] = {}
    if path.exists():
        try:
            known = {str(k): str(v) for k, v in json.loads(path.read_text()).items()}
        except (ValueError, AttributeError) as exc:
            raise StackError(f"{path} cannot be read as JSON", "run `fte reset`") from exc
    missing = {name: make() for name, make in _MAKERS.items() if name not in known}
    if missing:
        known |= missing
        _write_private(path, json.dumps(known, indent=1, sort_keys=True))
    return known


def _write_private(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(f".{os.getpid()}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
    temporary.replace(path)
