"""Runs delivery: `python -m services.delivery`."""

import uvloop

from services.delivery.main import main

if __name__ == "__main__":
    raise SystemExit(uvloop.run(main()))
