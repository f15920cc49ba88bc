"""Owns finding the Dapr runtime: what is installed, what was cached, what can be had.

The order: `DAPR_RUNTIME_DIR`, PATH and `~/.dapr/bin`, the user's cache folder, the official
release archive, a build from the Go module. The last two live in `devstack.runtime_fetch`.
"""

import os
import platform
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from devstack.failure import StackError

VERSION: Final = "1.18.3"
PROGRAMS: Final = ("daprd", "placement", "scheduler")
INSTALL_HINT: Final = (
    "install Go 1.26.6 or newer, or put daprd, placement and scheduler "
    f"{VERSION} in a folder and set DAPR_RUNTIME_DIR to it"
)
_VERSION_SECONDS: Final = 10

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Runtime:
    """Names a folder that holds the three programs of one version, and where it came from."""

    folder: Path
    version: str
    origin: str

    def program(self, name: str) -> str:
        """Returns the path of daprd, placement or scheduler."""
        return str(self.folder / name)


def find_runtime(environ: Mapping[str, str], say: Say) -> Runtime:
    """Returns a runtime, made first if there is none; that can take minutes.

    Raises:
        StackError: if `DAPR_RUNTIME_DIR` does not hold a fit runtime, or none can be had.
    """
    found = installed_runtime(environ)
    if found:
        return found
    # Its imports and its work are needed once for each machine.
    from devstack.runtime_fetch import fetch_runtime  # noqa: PLC0415

    target = cache_folder(environ)
    fetch_runtime(target, environ, say)
    version = _fit_version(target)
    if not version:
        raise StackError(f"the runtime made in {target} does not start", INSTALL_HINT)
    return Runtime(target, version, "new in the cache")


def installed_runtime(environ: Mapping[str, str]) -> Runtime | None:
    """Returns a runtime that is already on this machine, or None.

    Raises:
        StackError: if `DAPR_RUNTIME_DIR` is set and does not hold a fit runtime.
    """
    named = environ.get("DAPR_RUNTIME_DIR")
    if named:
        version = _fit_version(Path(named))
        if not version:
            raise StackError(
                f"DAPR_RUNTIME_DIR={named} does not hold {', '.join(PROGRAMS)} of version "
                f"{VERSION} or a newer patch",
                "correct DAPR_RUNTIME_DIR or unset it",
            )
        return Runtime(Path(named).absolute(), version, "DAPR_RUNTIME_DIR")
    for folder, origin in _candidates(environ):
        version = _fit_version(folder)
        if version:
            return Runtime(folder, version, origin)
    return None


def cache_folder(environ: Mapping[str, str]) -> Path:
    """Returns the folder of the cached runtime for this system, which need not exist."""
    system, machine = target_system()
    root = environ.get("XDG_CACHE_HOME") or Path(environ.get("HOME") or Path.home()) / ".cache"
    return Path(root) / "fte" / f"dapr-{VERSION}-{system}-{machine}"


def target_system() -> tuple[str, str]:
    """Returns the system and processor in the spelling of Go and of Dapr's archives."""
    machines = {"x86_64": "amd64", "amd64": "amd64", "aarch64": "arm64", "arm64": "arm64"}
    machine = platform.machine().lower()
    return platform.system().lower(), machines.get(machine, machine)


def _candidates(environ: Mapping[str, str]) -> Iterator[tuple[Path, str]]:
    on_path = shutil.which("daprd", path=environ.get("PATH", ""))
    if on_path:
        yield Path(on_path).resolve().parent, "PATH"
    home = environ.get("HOME")
    if home:
        yield Path(home) / ".dapr" / "bin", "~/.dapr/bin"
    yield cache_folder(environ), "cache"


def _fit_version(folder: Path) -> str:
    if not all(os.access(folder / name, os.X_OK) for name in PROGRAMS):
        return ""
    try:
        # Only daprd tells its version; the three are published and built together.
        answer = subprocess.run(
            [folder / "daprd", "--version"],
            capture_output=True,
            text=True,
            timeout=_VERSION_SECONDS,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return answer.stdout.strip() if is_fit(answer.stdout) else ""


def is_fit(version: str) -> bool:
    """Tells whether a version text is the pinned one or a newer patch of the same minor."""
    wanted = [int(part) for part in VERSION.split(".")]
    match = re.fullmatch(r"v?(\d+)\.(\d+)\.(\d+)", version.strip())
    if not match:
        return False
    major, minor, patch = (int(part) for part in match.groups())
    return [major, minor] == wanted[:2] and patch >= wanted[2]
