"""Builds the mail of an intent: a reply in its thread, text and HTML, marked as automatic."""

import base64
from email.message import EmailMessage
from email.policy import SMTP

from services.delivery.domain.intent import Intent

INTENT_HEADER = "X-FTE-Intent"
# A Message-ID must not be folded or encoded, or mail programs lose the thread.
_POLICY = SMTP.clone(max_line_length=998)


def raw_message(intent: Intent, sender: str) -> str:
    """Returns the mail in the form of Gmail's `raw` field; raises ValueError if it cannot be built."""
    letter = intent.letter
    mail = EmailMessage(policy=_POLICY)
    mail["From"] = sender
    mail["To"] = _line(letter.recipient)
    mail["Subject"] = _line(letter.subject)
    if letter.in_reply_to:
        mail["In-Reply-To"] = _line(letter.in_reply_to)
    references = [_line(reference) for reference in letter.references]
    if references or letter.in_reply_to:
        mail["References"] = " ".join(references or [_line(letter.in_reply_to)])
    # Other mail systems do not answer what is marked so, and two of us never answer each other.
    mail["Auto-Submitted"] = "auto-replied"
    mail["X-Auto-Response-Suppress"] = "All"
    mail[INTENT_HEADER] = str(intent.intent_id)
    mail.set_content(letter.text)
    if letter.html:
        mail.add_alternative(letter.html, subtype="html")
    return base64.urlsafe_b64encode(mail.as_bytes()).decode()


def _line(text: str) -> str:
    return " ".join(text.split())
