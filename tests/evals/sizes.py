"""How much a test of this folder plays: a short form in every run, the long form with FTE_EVALS=long."""

import os

LONG = os.environ.get("FTE_EVALS") == "long"


def size(short: int, long: int) -> int:
    """The number of cases to play."""
    return long if LONG else short
