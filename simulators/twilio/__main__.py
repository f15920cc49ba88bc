"""Runs the Twilio simulator."""

from simulators.server import serve
from simulators.twilio.app import build
from simulators.twilio.settings import Settings


def main() -> None:
    """Serves until stopped."""
    settings = Settings.from_environment()
    serve(build(settings), settings.port, "twilio-simulator")


if __name__ == "__main__":
    main()
