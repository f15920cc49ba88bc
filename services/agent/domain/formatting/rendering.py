"""Turns units into text, into text with WhatsApp's marks, and into HTML."""

import html as markup
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from services.agent.domain.formatting import inline
from services.agent.domain.formatting.markdown import MARKER, NUMBER, Kind, Unit, table_lines


def joined(units: Sequence[Unit]) -> str:
    """Joins rendered units with their white space."""
    return "".join(
        unit.text if place == 0 else unit.glue + unit.text for place, unit in enumerate(units)
    )


def plain_text(units: Sequence[Unit]) -> str:
    """Renders units as text without marks; code stands as it is, a table as a list."""
    return joined([_with_text(unit, _plain(unit)) for unit in units])


def chat_units(units: Sequence[Unit]) -> list[Unit]:
    """Renders each unit with WhatsApp's marks."""
    return [_with_text(unit, _chat(unit)) for unit in units]


def html(units: Sequence[Unit]) -> str:
    """Renders units as HTML; each block takes its direction from its first letter."""
    page = _Page()
    for unit in units:
        if unit.kind is Kind.CODE:
            page.block(f'<pre dir="auto"><code>{markup.escape(unit.text)}</code></pre>')
        elif unit.kind is Kind.TABLE:
            page.block(_table(unit))
        elif unit.kind is Kind.ITEM:
            page.item(unit)
        else:
            page.text(unit)
    return page.finished()


@dataclass(slots=True)
class _Page:
    """HTML under way: finished blocks, and the paragraph or list that is still open."""

    done: list[str] = field(default_factory=list)
    paragraph: str = ""
    list_tag: str = ""
    items: list[str] = field(default_factory=list)
    start: int = 1

    def block(self, html_text: str) -> None:
        self._close()
        self.done.append(html_text)

    def text(self, unit: Unit) -> None:
        said = (
            inline.verbatim_html(unit.text) if unit.kind is Kind.FRAME else inline.html(unit.text)
        )
        if self.items or unit.glue == "\n\n":
            self._close()
        self.paragraph += (_html_glue(unit.glue) if self.paragraph else "") + said

    def item(self, unit: Unit) -> None:
        marker = MARKER.match(unit.text)
        goes_on = "\n" not in unit.glue and bool(self.items)
        if goes_on or marker is None:
            said = inline.html(unit.text)
            if self.items:
                self.items[-1] += unit.glue + said
            else:
                self.text(unit)
            return
        number = NUMBER.match(unit.text)
        tag, start = ("ol", int(number[1])) if number else ("ul", 1)
        follows = tag == "ul" or start == self.start + len(self.items)
        if not self.items or tag != self.list_tag or not follows:
            self._close()
            self.list_tag, self.start = tag, start
        lines = (inline.html(line.strip()) for line in unit.text[marker.end() :].split("\n"))
        self.items.append("<br>".join(lines))

    def finished(self) -> str:
        self._close()
        return "".join(self.done)

    def _close(self) -> None:
        if self.paragraph:
            self.done.append(f'<p dir="auto">{self.paragraph}</p>')
        if self.items:
            first = f' start="{self.start}"' if self.list_tag == "ol" and self.start != 1 else ""
            items = "".join(f"<li>{item}</li>" for item in self.items)
            self.done.append(f'<{self.list_tag} dir="auto"{first}>{items}</{self.list_tag}>')
        self.paragraph, self.items = "", []


def _html_glue(glue: str) -> str:
    return "<br>" if "\n" in glue else glue


def _table(unit: Unit) -> str:
    head, *body = unit.rows
    rows = [_row(head, "th"), *[_row(row, "td") for row in body]]
    return f'<table dir="auto">{"".join(rows)}</table>'


def _row(cells: Sequence[str], tag: str) -> str:
    return f"<tr>{''.join(f'<{tag}>{inline.html(cell)}</{tag}>' for cell in cells)}</tr>"


def _plain(unit: Unit) -> str:
    if unit.kind in (Kind.CODE, Kind.FRAME):
        return unit.text
    if unit.kind is Kind.TABLE:
        return "\n".join(inline.plain(line) for line in table_lines(unit.rows))
    return inline.plain(unit.text)


def _chat(unit: Unit) -> str:
    if unit.kind is Kind.CODE:
        return f"```\n{unit.text}\n```"
    if unit.kind is Kind.FRAME:
        return unit.text
    if unit.kind is Kind.TABLE:
        return "\n".join(inline.chat(line) for line in table_lines(unit.rows))
    return inline.chat(unit.text)


def _with_text(unit: Unit, text: str) -> Unit:
    return replace(unit, text=text)
