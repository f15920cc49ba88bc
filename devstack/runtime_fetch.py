"""Owns getting the Dapr runtime onto this machine: the release archive, else a Go build.

Both write into a temporary folder beside the target and move it there in one step, under a lock
that two set-ups share. Go's module and build caches are temporary and removed at the end.
"""

import fcntl
import hashlib
import json
import re
import shutil
import subprocess
import tarfile
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from devstack.failure import StackError
from devstack.runtime import INSTALL_HINT, PROGRAMS, VERSION, Say, target_system

MODULE: Final = "github.com/dapr/dapr"
MODULE_SUM: Final = "h1:iVTqJHRfJlUfiSyhJH4c1mJZ+4PH3cf/QwJcAJL2ROo="
# The version that dapr names is not served by every module proxy; this one has no workflows of ours.
PIN: Final = "github.com/dapr/durabletask-go"
PIN_VERSION: Final = "v0.12.2-0.20260720132056-79042da5fe61"
PIN_SUM: Final = "h1:RR0Dw3bl/fPPGroVFuDvu/s2aT3a4DseBiB2cI27SRo="
MINIMUM_GO: Final = (1, 26, 6)
NEEDED_BYTES: Final = 6 * 1024**3

# The components that any folder of `components/` names, and what daprd itself wants.
KEPT_COMPONENTS: Final = re.compile(
    r"^(zz_notag|nameresolution_(kubernetes|mdns|sqlite)"
    r"|pubsub_(in-memory|jetstream|kafka|rabbitmq|redis)"
    r"|state_(in-memory|postgres|redis|sqlite)"
    r"|bindings_(cron|http|kafka|postgres|rabbitmq|redis)"
    r"|secretstores_(kubernetes|local_env|local_file|hashicorp_vault)"
    r"|lock_redis|configuration_(postgres|redis|kubernetes)"
    r"|middleware_http_(bearer|ratelimit|routeralias|routerchecker))\.go$"
)

_RELEASES: Final = "https://github.com/dapr/dapr/releases/download"
_CONNECT_SECONDS: Final = 5
_DOWNLOAD_SECONDS: Final = 300
_PROGRESS_SECONDS: Final = 15.0


class _ChecksumDatabaseAway(Exception):
    """The checksum database could not be asked."""


def fetch_runtime(target: Path, environ: Mapping[str, str], say: Say) -> None:
    """Puts the three programs into `target`, unless another set-up has just done so.

    Raises:
        StackError: if neither an archive nor a build can be had; it says what to do.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    with _locked(target.with_name(f"{target.name}.lock"), say):
        if target.exists():
            return
        _remove_leftovers(target.parent)
        with tempfile.TemporaryDirectory(prefix=".making-", dir=target.parent) as folder:
            made = Path(folder) / "bin"
            made.mkdir()
            if not _download(made, say):
                _build(made, Path(folder), environ, say)
            for name in PROGRAMS:
                (made / name).chmod(0o755)
            made.rename(target)


@contextmanager
def _locked(path: Path, say: Say) -> Iterator[None]:
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"runtime: another set-up is at work, waiting ({path})")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _remove_leftovers(cache: Path) -> None:
    # A set-up that was killed could not remove its own; the lock says that none is at work.
    for folder in cache.glob(".making-*"):
        shutil.rmtree(folder, ignore_errors=True)


# --- The official release archive ---------------------------------------------------------------


def _download(made: Path, say: Say) -> bool:
    system, machine = target_system()
    say(f"runtime: asking for the official release {VERSION} ({system}/{machine})")
    try:
        for name in PROGRAMS:
            archive = f"{name}_{system}_{machine}.tar.gz"
            url = f"{_RELEASES}/v{VERSION}/{archive}"
            wanted = _read(f"{url}.sha256", _CONNECT_SECONDS).decode().split()[0]
            data = _read(url, _DOWNLOAD_SECONDS)
            if hashlib.sha256(data).hexdigest() != wanted:
                raise StackError(
                    f"{archive} does not have the published checksum",
                    "run the command again; if it stays so, report it to the Dapr project",
                )
            _unpack(data, name, made)
    except (OSError, urllib.error.URLError, IndexError, KeyError, tarfile.TarError) as exc:
        say(f"runtime: no release archive ({exc}); building from source instead")
        return False
    return True


def _read(url: str, seconds: float) -> bytes:
    end = time.monotonic() + seconds
    parts = []
    # The timeout of urlopen is for each read, so a trickle needs a bound of its own.
    with urllib.request.urlopen(url, timeout=_CONNECT_SECONDS) as answer:
        while part := answer.read(1 << 20):
            parts.append(part)
            if time.monotonic() > end:
                raise TimeoutError(f"{url} took longer than {seconds:.0f} s")
    return b"".join(parts)


def _unpack(data: bytes, name: str, made: Path) -> None:
    with tempfile.TemporaryFile() as file:
        file.write(data)
        file.seek(0)
        with tarfile.open(fileobj=file, mode="r:gz") as archive:
            content = archive.extractfile(name)
            if content is None:
                raise KeyError(name)
            (made / name).write_bytes(content.read())


# --- The Go build -------------------------------------------------------------------------------


def _build(made: Path, folder: Path, environ: Mapping[str, str], say: Say) -> None:
    _check_go(environ)
    _check_disk(folder)
    # Go's caches beside the target: the same disk was just measured.
    go = {
        **environ,
        "GOPATH": str(folder / "gopath"),
        "GOMODCACHE": str(folder / "gopath" / "pkg" / "mod"),
        "GOCACHE": str(folder / "gocache"),
        # Module caches are read-only by default, which would keep them from being removed.
        "GOFLAGS": f"{environ.get('GOFLAGS', '')} -modcacherw".strip(),
        "GONOSUMDB": ",".join(filter(None, (environ.get("GONOSUMDB"), PIN))),
        "CGO_ENABLED": "0",
    }
    started = time.monotonic()
    say(f"runtime: building Dapr {VERSION} from its Go module; about 5 minutes on 2 cores, once")
    try:
        _compile(made, folder, go, say)
    except _ChecksumDatabaseAway:
        say("runtime: the checksum database cannot be had; the module's own sums still hold")
        shutil.rmtree(folder / "dapr", ignore_errors=True)
        _compile(made, folder, {**go, "GONOSUMDB": "*"}, say)
    say(f"runtime: built in {time.monotonic() - started:.0f} s")


def _check_go(environ: Mapping[str, str]) -> None:
    go = shutil.which("go", path=environ.get("PATH", ""))
    if not go:
        raise StackError("no Dapr runtime, no release archive and no Go toolchain", INSTALL_HINT)
    asked = [go, "env", "GOVERSION", "GOTOOLCHAIN"]
    answer = subprocess.run(asked, capture_output=True, text=True, check=False, env=dict(environ))
    version, _, toolchain = answer.stdout.strip().partition("\n")
    match = re.match(r"go(\d+)\.(\d+)(?:\.(\d+))?", version)
    found = tuple(int(part or 0) for part in match.groups()) if match else (0, 0, 0)
    # Any other setting lets an older Go fetch the one that the module asks for.
    if found < MINIMUM_GO and toolchain == "local":
        raise StackError(f"{version or 'go'} is too old to build Dapr", INSTALL_HINT)


def _check_disk(folder: Path) -> None:
    free = shutil.disk_usage(folder).free
    if free < NEEDED_BYTES:
        raise StackError(
            f"building Dapr needs 6 GB in {folder.parent} for a while, {free / 1024**3:.1f} are free",
            "free some space, or set XDG_CACHE_HOME to a folder on a larger disk",
        )


def _compile(made: Path, folder: Path, go: Mapping[str, str], say: Say) -> None:
    source = folder / "dapr"
    module = _module(MODULE, f"v{VERSION}", MODULE_SUM, go, folder, say)
    _module(PIN, PIN_VERSION, PIN_SUM, go, folder, say)
    shutil.copytree(module, source)
    for path in source.rglob("*"):
        path.chmod(path.stat().st_mode | 0o200)
    for path in (source / "cmd" / "daprd" / "components").iterdir():
        if not KEPT_COMPONENTS.match(path.name):
            path.unlink()
    _go(["mod", "edit", f"-replace={PIN}={PIN}@{PIN_VERSION}"], go, source, say)
    flags = (
        f"-s -w -X {MODULE}/pkg/buildinfo.version={VERSION}"
        f" -X github.com/dapr/kit/logger.DaprVersion={VERSION}"
    )
    for number, name in enumerate(PROGRAMS, start=1):
        say(f"runtime: compiling {name} ({number} of {len(PROGRAMS)})")
        _go(
            ["build", "-mod=mod", "-trimpath", "-buildvcs=false", "-tags", "allcomponents",
             "-ldflags", flags, "-o", str(made / name), f"./cmd/{name}"],
            go, source, say,
        )  # fmt: skip


def _module(
    path: str, version: str, wanted: str, go: Mapping[str, str], folder: Path, say: Say
) -> Path:
    say(f"runtime: fetching {path}@{version}")
    answer = json.loads(_go(["mod", "download", "-json", f"{path}@{version}"], go, folder, say))
    if answer["Sum"] != wanted:
        raise StackError(
            f"{path}@{version} sums to {answer['Sum']}, not to {wanted}",
            "do not use this module source; check GOPROXY",
        )
    return Path(answer["Dir"])


def _go(arguments: list[str], go: Mapping[str, str], folder: Path, say: Say) -> str:
    """Runs one go command with a line of progress now and then; returns its output."""
    with tempfile.TemporaryFile("w+") as errors, tempfile.TemporaryFile("w+") as output:
        process = subprocess.Popen(
            ["go", *arguments], env=go, cwd=folder, stdout=output, stderr=errors
        )
        started = time.monotonic()
        try:
            while True:
                try:
                    process.wait(_PROGRESS_SECONDS)
                    break
                except subprocess.TimeoutExpired:
                    say(f"runtime: … go {arguments[0]}, {time.monotonic() - started:.0f} s")
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
        errors.seek(0)
        output.seek(0)
        text, answer = errors.read(), output.read()
    if process.returncode:
        complaint = f"{text}{answer}"
        mismatch = "SECURITY ERROR" in complaint or "checksum mismatch" in complaint
        if "verifying" in complaint and not mismatch and go["GONOSUMDB"] != "*":
            raise _ChecksumDatabaseAway
        last = "\n    ".join(complaint.strip().splitlines()[-5:])
        raise StackError(f"go {arguments[0]} failed:\n    {last}", INSTALL_HINT)
    return answer
