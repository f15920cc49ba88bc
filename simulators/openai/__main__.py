"""Runs the model simulator."""

from simulators.openai.app import build
from simulators.openai.settings import Settings
from simulators.server import serve


def main() -> None:
    """Serves until stopped."""
    settings = Settings.from_environment()
    serve(build(settings), settings.port, "openai-simulator")


if __name__ == "__main__":
    main()
