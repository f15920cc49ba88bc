"""Structured logs: one JSON object a line, with ids and facts, never with anybody's words or secrets.

`protobuf_fields` is the only way a message gets into a log; it reads the fields' sensitivity option.
"""

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from chassis.tracing import current_trace_id

# Letters of any script: addresses may be international.
_ADDRESS = re.compile(r"([\w.%+-])[\w.%+-]*@([\w-]+\.[\w.-]+)")
_PHONE = re.compile(r"\+\d{6,15}\b")
_BLANK = "[redacted]"


def configure(service: str, level: str = "INFO") -> None:
    """Sends structlog and the standard library's logging to stdout as JSON."""
    shared: list[structlog.types.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
        structlog.processors.format_exc_info,
        _service(service),
        _trace,
        mask,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(),
            ],
        )
    )
    logging.basicConfig(handlers=[handler], level=level.upper(), force=True)
    # These log a line for each request, with addresses in it.
    for noisy in ("httpx", "httpx2", "googleapiclient", "twilio", "uvicorn.access"):
        logging.getLogger(noisy).setLevel(logging.WARNING)


def mask_text(text: str) -> str:
    """Masks addresses and numbers: j***@example.com, +***."""
    return _PHONE.sub("+***", _ADDRESS.sub(r"\1***@\2", text))


def mask(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Masks every text of a log line, exceptions included: the last net, not the first."""
    for key, value in event.items():
        if not key.startswith("_"):  # structlog's own, removed before the line is made
            event[key] = _masked(value)
    return event


def _masked(value: Any) -> Any:
    match value:
        case str():
            return mask_text(value)
        case dict():
            return {_masked(key): _masked(item) for key, item in value.items()}
        case list() | tuple() | set() | frozenset():
            return [_masked(item) for item in value]
        case None | bool() | int() | float():
            return value
        case Message():
            return _masked(protobuf_fields(value))
        case _:
            # The renderer would print it by its text, unmasked.
            return mask_text(str(value))


def protobuf_fields(message: Message) -> dict[str, Any]:
    """Returns the set scalar fields of a message; those marked personal or secret are blanked."""
    return {
        field.name: _BLANK if _is_sensitive(field) else value
        for field, value in message.ListFields()
        if field.message_type is None
    }


def _is_sensitive(field: FieldDescriptor) -> bool:
    # The chassis knows no contract, so it finds the option by its name.
    return any(
        option.name == "sensitivity" and value for option, value in field.GetOptions().ListFields()
    )


def _trace(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    trace_id = current_trace_id()
    if trace_id:
        event["trace_id"] = trace_id
    return event


def _service(name: str) -> structlog.types.Processor:
    def add(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        event["service"] = name
        return event

    return add
