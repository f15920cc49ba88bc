"""Starts the service: `python -m services.intake`."""

import sys

import uvloop

from services.intake.main import main

if __name__ == "__main__":
    sys.exit(uvloop.run(main()))
