"""The people who write to the shared stack."""

import pytest

from cli.outside import Outside
from tests.e2e.traffic import Traffic


@pytest.fixture
def traffic(outside: Outside) -> Traffic:
    """Seeded traffic from people whom the stack does not know yet."""
    return Traffic(outside, seed=20261124)
