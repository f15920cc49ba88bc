"""The web form as a provider: the agent shows an answer once it hears that it was sent."""

from services.delivery.application.ports import Attempt, Doubt, Prepared
from services.delivery.domain.outcomes import Seen, Sent, Shown


class WebForm:
    """Has no far side: recording the outcome is the send, so it happens truly once."""

    name = "web_form"
    needs_preparation = False

    async def prepare(self, attempt: Attempt) -> Prepared:
        """Has nothing to prepare."""
        return Prepared()

    async def send(self, attempt: Attempt, seconds: float) -> Sent:
        """Succeeds; the status page shows the answer when the agent has the receipt."""
        return Sent()

    async def witness(self, doubt: Doubt) -> Seen:
        """Sees every answer: an attempt without an end has no other effect than this one."""
        return Seen((Sent(),))

    async def status(self, provider_id: str) -> Shown:
        """Shows every answer as sent."""
        return Shown("sent")

    async def answers(self) -> bool:
        """Answers always."""
        return True
