"""Shortens an answer at its end, and packs what is left into parts."""

from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import replace

from services.agent.domain.formatting.graphemes import cut
from services.agent.domain.formatting.markdown import Kind, Unit, frame
from services.agent.domain.phrases import Phrases

Fits = Callable[[Sequence[Unit]], bool]

# A longer link would leave no room for anything beside it.
_MOST_LINK = 250
# What may be left of an answer whose first sentence alone is too long.
_LAST_RESORTS = (240, 160, 80, 40)


def pack(units: Sequence[Unit], most: int) -> list[str]:
    """Joins rendered units, in order, to texts of at most `most` characters; a unit alone may be longer."""
    texts: list[str] = []
    for unit in units:
        if texts and len(texts[-1]) + len(unit.glue) + len(unit.text) <= most:
            texts[-1] += unit.glue + unit.text
        else:
            texts.append(unit.text)
    return texts


def shortened(units: Sequence[Unit], fits: Fits, phrases: Phrases, link: str) -> list[Unit]:
    """Drops whole units from the end until the rest fits, and says where what was dropped can be read."""
    if fits(units):
        return list(units)
    named = bool(link) and len(link) <= _MOST_LINK
    rest = frame(phrases.rest_at.format(link=link) if named else phrases.rest_on_request)
    kept = bisect_left(
        range(1, len(units)), 1, key=lambda count: int(not fits([*units[:count], *rest]))
    )
    while kept and units[kept - 1].leads:
        kept -= 1
    if kept:
        return [*units[:kept], *rest]
    first = units[0]
    if first.kind in (Kind.TEXT, Kind.ITEM):
        for most in _LAST_RESORTS:
            cut_short = replace(first, text=cut(first.text, most))
            if fits([cut_short, *rest]):
                return [cut_short, *rest]
    return rest
