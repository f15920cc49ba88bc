"""A span's id travels: into the metadata of calls, and into log lines."""

import json

import pytest
import structlog
from opentelemetry import propagate, trace

from chassis import logs, tracing


async def test_a_span_stands_in_metadata_and_log_lines(
    capsys: pytest.CaptureFixture[str],
) -> None:
    flush = tracing.configure("test", "")
    logs.configure("test")
    carrier: dict[str, str] = {}
    with trace.get_tracer("test").start_as_current_span("work"):
        propagate.inject(carrier)
        structlog.get_logger("test").info("inside")
    structlog.get_logger("test").info("outside")
    await flush()
    inside, outside = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert inside["trace_id"] == carrier["traceparent"].split("-")[1]
    assert "trace_id" not in outside
