"""Owns the error answers of Google's APIs."""

from typing import Any, Final

_CAUSES: Final = {
    400: ("INVALID_ARGUMENT", "invalidArgument", "Invalid request"),
    401: ("UNAUTHENTICATED", "authError", "Request had invalid authentication credentials."),
    403: ("PERMISSION_DENIED", "forbidden", "Delegation denied"),
    404: ("NOT_FOUND", "notFound", "Requested entity was not found."),
    405: ("INVALID_ARGUMENT", "methodNotAllowed", "Method not allowed"),
    413: ("INVALID_ARGUMENT", "uploadTooLarge", "Request is too large."),
    429: ("RESOURCE_EXHAUSTED", "rateLimitExceeded", "Too many concurrent requests for user."),
    500: ("INTERNAL", "backendError", "Internal error encountered."),
    503: ("UNAVAILABLE", "backendError", "The service is currently unavailable."),
}


class GmailError(Exception):
    """Raised to answer a request with Google's error document."""

    def __init__(self, status: int, message: str | None = None, reason: str | None = None) -> None:
        super().__init__(message or _CAUSES[status][2])
        self.status = status
        self.reason = reason


def body_for(status: int, message: str | None = None, reason: str | None = None) -> dict[str, Any]:
    """Returns Google's error document for an HTTP status; `reason` in place of the status's usual one."""
    cause, usual, text = _CAUSES.get(status, ("UNKNOWN", "unknown", f"HTTP {status}"))
    said = message or text
    detail = {"message": said, "domain": "global", "reason": reason or usual}
    return {"error": {"code": status, "message": said, "errors": [detail], "status": cause}}
