"""What a drill refuses to stand on: no stack, one that still starts, an unknown broker, real providers."""

import os
from pathlib import Path

import pytest

from devstack.environment import load_environment
from devstack.processes import PartRecord, Record, ourselves
from drill.ground import Refused, survey


def _environ(home: Path, **more: str) -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "FTE_HOME": str(home), **more}


def _record(home: Path, *, ready: bool = True, broker: str = "nats") -> None:
    parts = (
        PartRecord("agent", "service", None, 0, healthy=False),
        PartRecord(broker, "broker", None, 0, healthy=False),
    )
    Record(ourselves(), ready, parts).write(home)


def test_parts_and_patience_come_from_the_running_stack(tmp_path: Path) -> None:
    _record(tmp_path)
    environ = _environ(tmp_path)
    ground = survey(load_environment(environ), environ)
    assert ground.parts == {"service": ("agent",), "broker": ("nats",)}
    assert ground.broker == "nats"
    assert ground.window == 300, "what delivery does without a setting"
    assert ground.simulators == {
        "gmail": "http://127.0.0.1:8092",
        "twilio": "http://127.0.0.1:8091",
    }


@pytest.mark.parametrize(
    ("prepare", "more", "named"),
    [
        (lambda _: None, {}, "not running"),
        (lambda home: _record(home, ready=False), {}, "still starting"),
        (lambda home: _record(home, broker="unheard-of"), {}, "unheard-of"),
        (_record, {"FTE_GMAIL_CLIENT_ID": "a", "FTE_GMAIL_REFRESH_TOKEN": "b"}, "real people"),
        (_record, {"FTE_TWILIO_ACCOUNT_SID": "a", "FTE_TWILIO_AUTH_TOKEN": "b"}, "real people"),
        (_record, {"FTE_OPENAI_API_KEY": "a"}, "real model"),
    ],
)
def test_a_drill_is_refused_with_a_sentence(
    tmp_path: Path, prepare: object, more: dict[str, str], named: str
) -> None:
    assert callable(prepare)
    prepare(tmp_path)
    environ = _environ(tmp_path, **more)
    with pytest.raises(Refused, match=named):
        survey(load_environment(environ), environ)


def test_a_local_model_is_no_reason_to_refuse(tmp_path: Path) -> None:
    _record(tmp_path)
    environ = _environ(
        tmp_path, FTE_OPENAI_API_KEY="a", FTE_OPENAI_BASE_URL="http://127.0.0.1:8093/v1"
    )
    assert survey(load_environment(environ), environ).parts
