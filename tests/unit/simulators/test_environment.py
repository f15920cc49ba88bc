"""The simulators' settings: defaults, the stack's ports, and the name of what is missing."""

from pathlib import Path

import pytest

from devstack.ports import Port
from simulators import environment


def test_a_missing_setting_is_named() -> None:
    with pytest.raises(environment.SettingMissingError, match="FTE_TWILIO_AUTH_TOKEN"):
        environment.required("FTE_TWILIO_AUTH_TOKEN", {"FTE_TWILIO_AUTH_TOKEN": ""})


@pytest.mark.parametrize(
    ("environ", "port"),
    [
        ({}, 8091),
        ({"FTE_PORT_BASE": "1000"}, 9091),
        ({"FTE_PORT_BASE": "1000", "FTE_SIMULATOR_PORT": "7000"}, 7000),
    ],
)
def test_the_port_is_the_stacks_unless_given(environ: dict[str, str], port: int) -> None:
    assert environment.port(Port.TWILIO, environ) == port


def test_the_home_lies_in_the_stacks_home_unless_given() -> None:
    assert environment.home({"FTE_HOME": "/x"}) == Path("/x/simulators")
    assert environment.home({"FTE_HOME": "/x", "FTE_SIMULATOR_HOME": "/y"}) == Path("/y")
