"""Owns Twilio's error answers."""

from typing import Any, Final

_TEXTS: Final = {
    20003: "Authenticate",
    20404: "The requested resource was not found",
    20429: "Too Many Requests",
    21211: "The 'To' number is not a valid phone number.",
    21602: "Message body is required.",
    21603: "A 'From' phone number is required.",
    21604: "A 'To' phone number is required.",
    21609: "The StatusCallback URL is not a valid URL.",
    21610: "Attempt to send to unsubscribed recipient",
    21617: "The concatenated message body exceeds the 1600 character limit.",
    21655: "The ContentSid is Invalid",
    21656: "The ContentVariables Parameter is Invalid",
    21910: "Invalid From and To pair. From and To should be of the same channel",
    63007: "Twilio could not find a Channel with the specified From address",
}
_BY_STATUS: Final = {401: 20003, 404: 20404, 429: 20429}


class TwilioError(Exception):
    """Raised to answer a request with Twilio's error document."""

    def __init__(self, code: int, status: int = 400, message: str | None = None) -> None:
        super().__init__(message or _TEXTS[code])
        self.code = code
        self.status = status

    def body(self) -> dict[str, Any]:
        """Returns the error document."""
        return {
            "code": self.code,
            "message": str(self),
            "more_info": f"https://www.twilio.com/docs/errors/{self.code}",
            "status": self.status,
        }


def body_for_status(status: int) -> dict[str, Any]:
    """Returns the error document that goes with a bare HTTP status."""
    code = _BY_STATUS.get(status, 20000 + status % 1000)
    return TwilioError(code, status, _TEXTS.get(code, f"HTTP {status}")).body()
