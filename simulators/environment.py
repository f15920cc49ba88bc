"""Owns how a simulator reads its settings: from the environment, once, naming what is missing."""

import os
from collections.abc import Mapping
from pathlib import Path

from devstack.ports import Port, Ports


class SettingMissingError(SystemExit):
    """Raised when a setting without a default is absent; ends the process with the name."""


def required(name: str, environ: Mapping[str, str] = os.environ) -> str:
    """Returns a setting that has no default.

    Raises:
        SettingMissingError: if it is absent or empty.
    """
    value = environ.get(name, "")
    if not value:
        raise SettingMissingError(f"{name} is not set")
    return value


def optional(name: str, default: str, environ: Mapping[str, str] = os.environ) -> str:
    """Returns a setting, or its default if it is absent or empty."""
    return environ.get(name) or default


def port(of: Port, environ: Mapping[str, str] = os.environ) -> int:
    """Returns the port to listen on: `FTE_SIMULATOR_PORT`, else the stack's own number."""
    given = environ.get("FTE_SIMULATOR_PORT")
    return int(given) if given else Ports.from_environment(environ)[of]


def home(environ: Mapping[str, str] = os.environ) -> Path:
    """Returns the folder of the state files: `FTE_SIMULATOR_HOME`, else `$FTE_HOME/simulators`."""
    given = environ.get("FTE_SIMULATOR_HOME")
    return Path(given) if given else Path(optional("FTE_HOME", ".fte", environ)) / "simulators"
