"""Starts the agent: `python -m services.agent`."""

import sys

import uvloop

from services.agent.main import main

sys.exit(uvloop.run(main()))
