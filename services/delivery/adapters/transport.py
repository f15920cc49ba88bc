"""HTTP to a provider through the sidecar's binding: one request, no retry, and what a missing answer means."""

from collections.abc import Mapping
from urllib.parse import urlsplit

from chassis.errors import ServiceError
from chassis.sidecar import BindingAnswer, Sidecar
from services.delivery.domain.outcomes import NotSent, Unknown

# Each of these proves that no byte of the request was written; tests pin them against the real sidecar. Whatever
# else a failed call says, the request may have taken effect.
REFUSED_TEXTS = ("circuit breaker is open",)
UNWRITTEN_TEXTS = (
    "connect: connection refused",
    "no such host",
    "couldn't find output binding",
    "failed to connect to all addresses",
)
# Go's client undoes compression itself unless the caller asks for it; the sidecar knows the host and the length.
_OWN_HEADERS = frozenset({"accept-encoding", "content-length", "host"})


class NoAnswer(Exception):
    """The provider did not answer; `text` is the sidecar's and never reaches a customer."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text

    def outcome(self) -> NotSent | Unknown:
        """Returns what it means for a request that must not be made twice."""
        if any(proof in self.text for proof in REFUSED_TEXTS):
            return NotSent("breaker_open", fault=True, refused=True)
        if any(proof in self.text for proof in UNWRITTEN_TEXTS):
            return NotSent("no_connection", fault=True)
        return Unknown("no_answer")


class BindingTransport:
    """One provider's binding; the address in a request's URI is the library's own and is left out."""

    def __init__(self, sidecar: Sidecar, binding: str) -> None:
        self._sidecar = sidecar
        self._binding = binding

    async def request(
        self, method: str, uri: str, headers: Mapping[str, str], body: bytes, seconds: float
    ) -> BindingAnswer:
        """Makes one request; raises `NoAnswer` when no status came back."""
        parts = urlsplit(uri)
        path = f"{parts.path}?{parts.query}" if parts.query else parts.path
        kept = {key: value for key, value in headers.items() if key.lower() not in _OWN_HEADERS}
        try:
            answer = await self._sidecar.http_binding(
                self._binding, method, path, headers=kept, body=body, seconds=seconds
            )
        except ServiceError as error:
            raise NoAnswer(error.message) from error
        if not answer.status:
            raise NoAnswer("the answer has no status")
        return answer
