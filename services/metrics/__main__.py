"""Starts metrics: `python -m services.metrics`."""

import sys

import uvloop

from services.metrics.main import main

if __name__ == "__main__":
    sys.exit(uvloop.run(main()))
