"""Stands in for the built pages: fragments that name themselves and their slots."""

import json
from pathlib import Path

from services.intake.adapters.http.wording import LANGUAGES

PAGES = {
    "page.form": "title=⟦title⟧ root=⟦root⟧ here=⟦here⟧ key=⟦key⟧ state=⟦state⟧ ⟦summary⟧⟦field.name⟧⟦field.email⟧"
    "⟦field.subject⟧⟦field.category⟧⟦field.priority⟧⟦field.message⟧⟦field.website⟧",
    "page.received": "title=⟦title⟧ ref=⟦reference⟧ expected=⟦expected⟧ here=⟦here⟧ ⟦keep⟧",
    "page.ticket": "title=⟦title⟧ ref=⟦reference⟧ status=⟦status⟧ here=⟦here⟧ ⟦summary⟧⟦incomplete⟧⟦lines⟧⟦actions⟧"
    "⟦field.reply⟧",
    "page.open": "title=⟦title⟧ here=⟦here⟧ ⟦summary⟧⟦field.code⟧",
    "page.message": "title=⟦title⟧ root=⟦root⟧ ⟦heading⟧: ⟦text⟧",
}
PARTS = {
    "summary": "<summary>⟦items⟧</summary>",
    "summary.item": "[⟦field⟧: ⟦error⟧]",
    "received.keep": "keep=⟦link⟧",
    "received.unkept": "unkept",
    "ticket.incomplete": "<incomplete>",
    "ticket.open": "<solved person ⟦here⟧>",
    "ticket.resolved": "<reopen person ⟦here⟧>",
    "line.note": "(⟦text⟧)",
}


def build(folder: Path) -> Path:
    """Writes fragments in every language and one file that a page loads; returns the folder."""
    fields = ("name", "email", "subject", "message", "website", "reply", "code")
    for name in fields:
        PARTS[f"field.{name}.plain"] = f"<{name}=⟦value⟧>"
        PARTS[f"field.{name}.wrong"] = f"<{name}=⟦value⟧ wrong=⟦error⟧>"
    for name in ("category", "priority"):
        for kind in ("plain", "wrong"):
            for choice in ("none", "general", "technical", "low", "medium", "high"):
                PARTS[f"field.{name}.{kind}.{choice}"] = f"<{name}={choice} {kind} ⟦error⟧>"
    for role in ("customer", "ai", "human", "system"):
        PARTS[f"line.{role}"] = "{⟦speaker⟧|⟦text⟧}"
    pages = {
        language: {name: f"{language} {page}" for name, page in PAGES.items()} | PARTS
        for language in LANGUAGES
    }
    assets = folder / "assets"
    assets.mkdir(parents=True)
    (assets / "form-1.js").write_text("export {};" * 100)
    (folder / "pages.json").write_text(json.dumps(pages))
    return folder
