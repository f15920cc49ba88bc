"""Which Dapr runtime is taken when several, bad ones or none are there."""

from pathlib import Path

import pytest

from devstack import runtime_fetch
from devstack.failure import StackError
from devstack.runtime import PROGRAMS, cache_folder, find_runtime, installed_runtime, is_fit


def make_runtime(folder: Path, version: str) -> Path:
    folder.mkdir(parents=True)
    for name in PROGRAMS:
        program = folder / name
        program.write_text(f"#!/bin/sh\necho {version}\n")
        program.chmod(0o755)
    return folder


@pytest.mark.parametrize(
    ("version", "fit"),
    [("1.18.3", True), ("1.18.4\n", True), ("v1.18.12", True), ("1.18.2", False), ("1.19.0", False),
     ("2.18.3", False), ("edge", False), ("", False), ("1.18.3-rc.1", False)],
)  # fmt: skip
def test_a_patch_of_the_same_minor_is_fit(version: str, fit: bool) -> None:  # noqa: FBT001
    assert is_fit(version) is fit


def test_the_named_folder_comes_first(tmp_path: Path) -> None:
    named = make_runtime(tmp_path / "named", "1.18.5")
    on_path = make_runtime(tmp_path / "path", "1.18.4")
    environ = {"DAPR_RUNTIME_DIR": str(named), "PATH": f"{on_path}:/bin", "HOME": str(tmp_path)}
    found = installed_runtime(environ)
    assert found
    assert (found.folder, found.version, found.origin) == (named, "1.18.5", "DAPR_RUNTIME_DIR")


def test_a_named_folder_without_a_fit_runtime_is_an_error(tmp_path: Path) -> None:
    named = make_runtime(tmp_path / "named", "1.17.9")
    with pytest.raises(StackError, match="DAPR_RUNTIME_DIR"):
        installed_runtime({"DAPR_RUNTIME_DIR": str(named), "HOME": str(tmp_path)})


def test_path_then_home_then_cache(tmp_path: Path) -> None:
    environ = {"PATH": f"{tmp_path / 'path'}:/bin", "HOME": str(tmp_path)}
    assert installed_runtime(environ) is None
    cached = make_runtime(cache_folder(environ), "1.18.3")
    found = installed_runtime(environ)
    assert found
    assert found.folder == cached
    installed = make_runtime(tmp_path / ".dapr" / "bin", "1.18.3")
    found = installed_runtime(environ)
    assert found
    assert found.folder == installed
    on_path = make_runtime(tmp_path / "path", "1.18.3")
    found = installed_runtime(environ)
    assert found
    assert found.folder == on_path


def test_an_old_or_incomplete_one_is_passed_over(tmp_path: Path) -> None:
    environ = {"PATH": f"{tmp_path / 'path'}:/bin", "HOME": str(tmp_path)}
    make_runtime(tmp_path / "path", "1.16.0")
    partial = make_runtime(tmp_path / ".dapr" / "bin", "1.18.3")
    (partial / "scheduler").unlink()
    cached = make_runtime(cache_folder(environ), "1.18.3")
    found = installed_runtime(environ)
    assert found
    assert found.folder == cached


def test_without_archive_and_go_the_error_names_the_one_thing_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreachable(_url: str, _seconds: float) -> bytes:
        raise ConnectionError("no route")

    monkeypatch.setattr(runtime_fetch, "_read", unreachable)
    said: list[str] = []
    with pytest.raises(StackError) as caught:
        find_runtime({"PATH": "/nowhere", "HOME": str(tmp_path)}, said.append)
    assert "DAPR_RUNTIME_DIR" in caught.value.remedy
    assert any("no route" in line for line in said)
    # Nothing half-made is left, and the next try is free to start.
    assert [path.name for path in (tmp_path / ".cache" / "fte").iterdir()] == [
        f"{cache_folder({'HOME': str(tmp_path)}).name}.lock"
    ]


def test_an_archive_with_another_checksum_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def wrong(url: str, _seconds: float) -> bytes:
        return b"0" * 64 if url.endswith(".sha256") else b"something else"

    monkeypatch.setattr(runtime_fetch, "_read", wrong)
    with pytest.raises(StackError, match="checksum"):
        find_runtime({"PATH": "/nowhere", "HOME": str(tmp_path)}, lambda _: None)
    assert not cache_folder({"HOME": str(tmp_path)}).exists()
