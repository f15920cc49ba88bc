"""The fixed mail that tells of a web answer: no character of it is chosen by anyone outside."""

from uuid import UUID, uuid5

from services.delivery.domain.intent import (
    Channel,
    HandleType,
    Intent,
    IntentId,
    Kind,
    Letter,
)

_NAMESPACE = UUID("7d1c1a6e-6c0f-5b0e-9f3a-3a2d6f5f0d11")
_SUBJECT = "There is an answer to your request"
_TEXT = (
    "Hello,\n\n"
    "there is an answer to the request that you sent with our support form.\n"
    "You can read it, and reply, here:\n\n"
    "{url}\n\n"
    "This mail was sent automatically. If you did not write to us, please ignore it.\n"
)


def notice_of(answer: Intent) -> Intent | None:
    """Returns the notice of a web answer, or None where there is no address or no link to send."""
    letter = answer.letter
    if (
        answer.channel is not Channel.WEB_FORM
        or letter.recipient_type is not HandleType.EMAIL
        or not letter.status_url
    ):
        return None
    return Intent(
        intent_id=IntentId(uuid5(_NAMESPACE, str(answer.intent_id))),
        kind=Kind.WEB_NOTICE,
        message_id=answer.message_id,
        conversation_id=answer.conversation_id,
        customer_id=answer.customer_id,
        channel=Channel.EMAIL,
        send_seq=None,
        epoch=answer.epoch,
        last_part=True,
        letter=Letter(
            recipient_type=HandleType.EMAIL,
            recipient=letter.recipient,
            subject=_SUBJECT,
            text=_TEXT.format(url=letter.status_url),
        ),
    )
