"""Why a message did not arrive, in plain words for people: what happened, and what can be done."""

import re

# Twilio's error codes for WhatsApp, as its error dictionary describes them.
_PROVIDER = {
    "21211": "the number is not a valid one: ask the customer for another way to answer",
    "21408": "the account may not send to this country: allow it in Twilio's geographic permissions",
    "21610": "the customer has sent STOP to this number: answer by another channel",
    "21611": "too many messages wait in the sender's queue: it was told to slow down",
    "21612": "the sender cannot reach this number: answer by another channel",
    "21614": "the number cannot receive messages: answer by another channel",
    "21617": "the text is longer than the channel takes: shorten it",
    "21655": "the template's id is unknown to the account: check it with `fte check twilio`",
    "21656": "the template's places were filled wrongly: check it with `fte check twilio`",
    "30001": "too many messages wait in the sender's queue: it was told to slow down",
    "30002": "the provider has suspended the account: ask the provider",
    "30003": "the customer's phone cannot be reached just now",
    "30004": "the customer has blocked this sender",
    "30005": "nobody has this number: ask the customer for another way to answer",
    "30006": "the number is a landline or its network does not take messages: answer by another channel",
    "30007": "a carrier filtered the message as spam",
    "30008": "the carrier gave no reason",
    "63001": "the provider refused the sender's credentials with WhatsApp: check it with `fte check twilio`",
    "63003": "WhatsApp knows no such recipient: answer by another channel",
    "63005": "WhatsApp did not take the content of the message",
    "63007": "the sender is not enabled for WhatsApp: check it with `fte check twilio`",
    "63012": "WhatsApp had a fault of its own",
    "63013": "WhatsApp refused the message as against its policy",
    "63015": "the recipient has not joined the sandbox: they must send its join word first",
    "63016": "the customer has not written for a day, and WhatsApp takes only approved templates then: "
    "answer by another channel, or wait until they write",
    "63018": "the sender was faster than WhatsApp allows",
    "63019": "WhatsApp could not fetch the attached file",
    "63021": "WhatsApp found the content of the message malformed",
    "63024": "the recipient is not a valid one: answer by another channel",
    "63032": "WhatsApp limits how many such messages this customer gets: answer by another channel",
    "63033": "the customer has blocked this sender",
    "63038": "the account has reached its messages for today: it can send again tomorrow",
    "63049": "WhatsApp chose not to deliver this kind of message to this customer",
    "63051": "WhatsApp has locked the business account: ask the provider",
}
_OWN = {
    "outside_window": _PROVIDER["63016"],
    "recipient_stopped": "the customer asked for no more messages on this channel: answer by another one, or "
    "wait until they send START",
    "too_long_for_template": "the customer has not written for a day, and the text does not fit into the approved "
    "template: shorten it, or answer by another channel",
    "below_fence": "a person took over before it was sent",
    "earlier_part_failed": "an earlier part of the same answer did not arrive",
    "recipient_not_on_channel": "the address does not belong to this channel",
    "recipient_is_ours": "the address is our own",
    "provider_dark": "the provider did not answer for too long",
    "predecessor_unconfirmed": "the provider never said what became of the message before it",
    "outcome_unknown": "nobody can tell whether it arrived: look before it is sent again",
    "rate_limited": "the provider asked us to slow down for too long",
    "window_unknown": "nobody could tell for too long whether the customer may be written to",
    "unauthorized": "the provider refused our credentials for too long: check them with `fte check`",
    "no_connection": "the provider could not be reached for too long",
    "undelivered": "the provider could not deliver it and gave no reason",
    "failed": "the provider could not send it and gave no reason",
    "canceled": "it was cancelled at the provider",
}
_CODE = re.compile(r"(?:[a-z]+_)?([0-9]{3,6})")


def plain_words(error: str) -> str:
    """Returns what an intent's error means, with the code itself so that it can be looked up; empty for none."""
    if not error:
        return ""
    if error in _OWN:
        return _OWN[error]
    code = _CODE.fullmatch(error)
    known = _PROVIDER.get(code[1], "") if code else ""
    return f"{known} ({error})" if known else f"the provider's word for it is {error[:100]}"
