"""Runs the Gmail simulator."""

from simulators.gmail.app import build
from simulators.gmail.settings import Settings
from simulators.server import serve


def main() -> None:
    """Serves until stopped."""
    settings = Settings.from_environment()
    serve(build(settings), settings.port, "gmail-simulator")


if __name__ == "__main__":
    main()
