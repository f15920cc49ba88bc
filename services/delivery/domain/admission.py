"""What delivery checks before it takes an intent over; a refused one keeps its number as CANCELLED."""

from services.delivery.domain.intent import Channel, HandleType, Intent

_HANDLES = {
    Channel.EMAIL: frozenset({HandleType.EMAIL}),
    Channel.WHATSAPP: frozenset({HandleType.PHONE, HandleType.WHATSAPP_USER}),
    Channel.WEB_FORM: frozenset(HandleType),
}


def refusal(intent: Intent, own_addresses: frozenset[str]) -> str:
    """Returns why an intent must not be sent, empty if it may; own addresses are in lower case."""
    if intent.letter.recipient_type not in _HANDLES[intent.channel]:
        return "recipient_not_on_channel"
    if intent.channel is not Channel.WEB_FORM and (
        intent.letter.recipient.lower() in own_addresses
    ):
        # Two mailboxes that answer each other, or one that answers itself, would never stop.
        return "recipient_is_ours"
    return ""
