"""Starts identity: `python -m services.identity`."""

import sys

import uvloop

from services.identity.main import main

if __name__ == "__main__":
    sys.exit(uvloop.run(main()))
