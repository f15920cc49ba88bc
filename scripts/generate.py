"""Generates `gen/` from `protos/`; with --check it fails when the checked-in code differs."""

import argparse
import filecmp
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PROTOS = ROOT / "protos"


def generate(target: Path) -> None:
    """Writes Python modules and stubs for every proto below `protos/` into `target`."""
    files = sorted(path.relative_to(PROTOS).as_posix() for path in PROTOS.rglob("*.proto"))
    services = [name for name in files if name.endswith("_service.proto")]
    # The plugins lie beside the interpreter, which need not be on PATH.
    plugins = [
        f"--plugin={name}={Path(sys.executable).parent / name}"
        for name in ("protoc-gen-mypy", "protoc-gen-mypy_grpc")
    ]
    protoc = [sys.executable, "-m", "grpc_tools.protoc", f"-I{PROTOS}", *plugins]
    subprocess.run(
        [*protoc, f"--python_out={target}", f"--mypy_out=quiet:{target}", *files], check=True
    )
    # The two gRPC plugins write an empty module for a file without a service.
    subprocess.run(
        [*protoc, f"--grpc_python_out={target}", f"--mypy_grpc_out=quiet:{target}", *services],
        check=True,
    )
    for package in ("fte", "buf"):
        for folder in [target / package, *(target / package).rglob("*")]:
            if folder.is_dir():
                (folder / "__init__.py").touch()
        (target / package / "py.typed").touch()


def differences(expected: Path, actual: Path) -> list[str]:
    """Lists the files that are missing, superfluous or different in `actual`."""

    def names(folder: Path) -> set[str]:
        return {
            path.relative_to(folder).as_posix()
            for path in folder.rglob("*")
            if path.is_file() and "__pycache__" not in path.parts
        }

    wanted, present = names(expected), names(actual)
    changed = {
        name
        for name in wanted & present
        if not filecmp.cmp(expected / name, actual / name, shallow=False)
    }
    return sorted((wanted ^ present) | changed)


def main() -> int:
    """Generates, or checks; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare instead of writing")
    check = bool(parser.parse_args().check)
    target = ROOT / "gen"
    if not check:
        target.mkdir(exist_ok=True)
        generate(target)
        return 0
    with tempfile.TemporaryDirectory() as folder:
        generate(Path(folder))
        stale = differences(Path(folder), target)
    for name in stale:
        print(f"gen/{name} is not what the protos generate: run `make generate`", file=sys.stderr)
    return 1 if stale else 0


if __name__ == "__main__":
    raise SystemExit(main())
