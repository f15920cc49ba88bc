"""Each kind of WhatsApp message as Twilio posts it, signed, through the HTTP edge."""

from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
import yaml

from services.intake.application.messages import Assurance, Handle
from services.intake.application.whatsapp_content import contact_text
from tests.unit.intake.edge import SID, Edge, edge, signed

FOLDER = Path(__file__).parent.parent.parent / "fixtures" / "whatsapp"
PATH = "/webhooks/whatsapp"

__all__ = ["edge"]


def payloads() -> list[str]:
    return sorted(path.stem for path in FOLDER.glob("*.yaml"))


def shown(handle: Handle | None) -> dict[str, str] | None:
    return None if handle is None else {"type": handle.type.value, "value": handle.value}


@pytest.mark.parametrize("name", payloads())
async def test_a_payload(edge: Edge, name: str) -> None:
    found: dict[str, Any] = yaml.safe_load((FOLDER / f"{name}.yaml").read_text())
    form, expect = list(found["form"].items()), found["expect"]
    for _ in range(2):
        answer = await edge.http.post(PATH, content=urlencode(form), headers=signed(PATH, form))
        assert answer.status_code == 200
        assert answer.text.endswith("<Response></Response>")
    [message] = edge.inbox.messages
    assert message.whatsapp is not None
    assert {
        "handle": shown(message.handle),
        "sender_name": message.sender_name,
        "body": message.body,
        "media": [[media.content_type, media.problem] for media in message.whatsapp.media],
        "suppressed": message.suppress_reason,
        "user_id": message.whatsapp.user_id,
        "wish": edge.inbox.statuses[0].status if edge.inbox.statuses else None,
    } == expect
    assert (message.account, message.provider_id) == (SID, found["form"]["MessageSid"])
    assert message.assurance is Assurance.VERIFIED
    assert message.raw == urlencode(form).encode()
    for status in edge.inbox.statuses:
        assert status.handle == message.handle
        assert status.provider_id == f"{message.provider_id}:{status.status}"
    assert len(edge.inbox.statuses) == (0 if expect["wish"] is None else 1)


def test_there_is_a_payload_of_every_kind() -> None:
    assert len(payloads()) >= 40


@pytest.mark.parametrize(
    "card",
    [
        "",
        "BEGIN:VCARD\nEND:VCARD",
        "BEGIN:VCARD\n" + "X-NOTHING:1\n" * 10_000,
        "BEGIN:VCARD\nFN:" + "x" * 200_000,
        "BEGIN:VCARD\n" + "TEL:1\n" * 10_000,
        "BEGIN:VCARD\nFN:\\n\\\\;\\,:\n\x00",
    ],
)
def test_no_card_is_longer_than_a_line(card: str) -> None:
    text = contact_text(card)
    assert len(text) <= 1100
    assert "\n" not in text
