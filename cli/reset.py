"""Owns `fte reset`: removes what the local stack keeps, and nothing else that lies in its home."""

import shutil
from contextlib import suppress
from typing import Final

from devstack import postgres
from devstack.environment import Environment
from devstack.processes import end_survivors, only_supervisor

_FOLDERS: Final = ("logs", "nats", "scheduler", "scheduler-identity", "simulators")
_FILES: Final = ("secrets.json", "names.db*", "processes.*", "lock")


def wipe(environment: Environment) -> None:
    """Removes the stack's data.

    Raises:
        StackError: if the stack is running.
    """
    home = environment.home
    with only_supervisor(home):
        end_survivors(home)
        postgres.remove_data(environment)
        for name in _FOLDERS:
            shutil.rmtree(home / name, ignore_errors=True)
        for pattern in _FILES:
            for path in home.glob(pattern):
                path.unlink()
    # FTE_HOME may name a folder that holds other things too.
    with suppress(OSError):
        home.rmdir()
