"""Every fault that a drill can draw is one that the simulators understand, and ends by itself."""

import random

import pytest

from drill.provider_faults import draw_one
from simulators.rules import Action, parse

DRAWS = 400


@pytest.mark.parametrize("provider", ["gmail", "twilio"])
def test_the_simulators_understand_every_rule(provider: str) -> None:
    draw = random.Random(1)  # noqa: S311 - repeatable, not secret
    actions: set[Action] = set()
    for _ in range(DRAWS):
        name, rules = draw_one(draw, provider)
        assert name
        for rule in map(parse, rules):
            actions.add(rule.action)
            assert rule.times is not None, f"{name} never ends"
    assert actions == set(Action) - ({Action.DELAY_CALLBACK} if provider == "gmail" else set())


def test_no_customers_message_is_lost_on_purpose() -> None:
    draw = random.Random(2)  # noqa: S311 - repeatable, not secret
    for _ in range(DRAWS):
        _, rules = draw_one(draw, "twilio")
        lost = [rule for rule in map(parse, rules) if rule.action is Action.LOSE_CALLBACK]
        # Twilio calls once for a status, but for a message until it is taken.
        assert all(rule.only == "sent" for rule in lost)
