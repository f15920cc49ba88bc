"""What a customer is given for a form: the ticket's id, its reference and the link that opens it.

All three follow from the submission, so that a repeat gets the same answer. Whoever holds the link can
read the ticket; its id alone opens nothing.
"""

import base64
import hashlib
import hmac
from uuid import UUID, uuid4

_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_TOKEN_BYTES = 20


class TicketLinks:
    """Derives ticket ids, references and links; `secret` keys both and never leaves the process."""

    def __init__(self, public_url: str, secret: str) -> None:
        self._public_url = public_url
        self._secret = secret.encode()

    def ticket_id(self, idempotency_key: str) -> UUID:
        """Returns a fresh id, or for a key always the same one, which only we can derive."""
        if not idempotency_key:
            return uuid4()
        return UUID(bytes=self._mac("ticket", idempotency_key)[:16], version=4)

    def reply_id(self, ticket_id: UUID, idempotency_key: str) -> str:
        """Returns the provider id of a reply: fresh, or for a key always the same one."""
        part = self._mac("reply", idempotency_key).hex() if idempotency_key else uuid4().hex
        return f"{reply_prefix(ticket_id)}{part[:32]}"

    def token(self, ticket_id: UUID) -> str:
        """Returns the token that opens the ticket: 160 bits, the same at every call."""
        mac = hmac.digest(self._secret, str(ticket_id).encode(), hashlib.sha256)
        return base64.urlsafe_b64encode(mac[:_TOKEN_BYTES]).decode().rstrip("=")

    def opens(self, ticket_id: UUID, token: str) -> bool:
        """Tells whether the token opens the ticket, in constant time."""
        return hmac.compare_digest(self.token(ticket_id).encode(), token.encode())

    def status_url(self, ticket_id: UUID) -> str:
        """Returns the customer's link to the status page.

        The token stands behind the # sign: browsers keep that part to themselves, so it is in no log on the way.
        """
        return f"{self._public_url}/support/ticket/{ticket_id}#{self.token(ticket_id)}"

    def seal(self, ticket_id: UUID) -> str:
        """Returns what the address of the confirmation carries: it opens that page and nothing else."""
        return self._mac("received", str(ticket_id)).hex()[:32]

    def sealed(self, ticket_id: UUID, seal: str) -> bool:
        """Tells whether the seal is that of a ticket that was given out, in constant time."""
        return hmac.compare_digest(self.seal(ticket_id).encode(), seal.encode())

    def _mac(self, purpose: str, key: str) -> bytes:
        return hmac.digest(self._secret, f"{purpose}\0{key}".encode(), hashlib.sha256)


def reference(ticket_id: UUID) -> str:
    """Returns what people read out: FTE- and eight characters without look-alikes."""
    number = int.from_bytes(hashlib.sha256(ticket_id.bytes).digest()[:5])
    return "FTE-" + "".join(_CROCKFORD[number >> shift & 31] for shift in range(35, -1, -5))


def reply_prefix(ticket_id: UUID) -> str:
    """Returns what the provider ids of all replies to a ticket begin with."""
    return f"{ticket_id}:reply:"
