"""Which styles make a text invisible to a person, whatever they do to a machine."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from html import unescape

_STYLE_CHARACTERS = 20_000
_SHEET_CHARACTERS = 100_000
_RULES = 400
# A contrast of 1 is none; what lies below this cannot be read (WCAG asks for 4.5).
_LEAST_CONTRAST = 1.1
_SMALLEST_PX = 2.0
_OFF_SCREEN_PX = 400.0

_DECLARATION = re.compile(r"([a-z-]{2,30})\s*:\s*([^;]{1,200})", re.IGNORECASE)
_RULE = re.compile(r"([^{}]{1,300})\{([^{}]{0,2000})\}")
_SIMPLE = re.compile(r"([a-z][a-z0-9]*)?(?:([.#])([\w-]{1,80}))?", re.IGNORECASE)
_LENGTH = re.compile(
    r"(-?\d{0,5}\.?\d{0,4})\s*(px|pt|em|rem|%|vh|vw|ex|in|cm|mm)?\s*", re.IGNORECASE
)
_HEX = re.compile(r"#?([0-9a-f]{3,8})", re.IGNORECASE)
_RGB = re.compile(
    r"rgba?\(\s*([\d.]+)%?[\s,]+([\d.]+)%?[\s,]+([\d.]+)%?(?:[\s,/]+([\d.]+)(%?))?\s*\)",
    re.IGNORECASE,
)
_PX = {
    "px": 1.0,
    "pt": 4 / 3,
    "em": 16.0,
    "rem": 16.0,
    "%": 0.16,
    "ex": 8.0,
    "in": 96.0,
    "cm": 38.0,
    "mm": 3.8,
}
_NAMED = {
    "white": (255, 255, 255),
    "black": (0, 0, 0),
    "red": (255, 0, 0),
    "blue": (0, 0, 255),
    "green": (0, 128, 0),
    "yellow": (255, 255, 0),
    "gray": (128, 128, 128),
    "grey": (128, 128, 128),
    "silver": (192, 192, 192),
    "navy": (0, 0, 128),
    "whitesmoke": (245, 245, 245),
    "snow": (255, 250, 250),
    "ghostwhite": (248, 248, 255),
    "ivory": (255, 255, 240),
    "windowtext": (0, 0, 0),
    "window": (255, 255, 255),
}

Colour = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Look:
    """How an element shows its text. A colour is absent where it cannot be known; `gone` is inherited for good."""

    gone: bool = False
    invisible: bool = False
    font_px: float = 16.0
    colour: Colour | None = (0, 0, 0)
    ground: Colour | None = (255, 255, 255)

    @property
    def hidden(self) -> bool:
        """Whether a person cannot read the text of this element."""
        return (
            self.gone
            or self.invisible
            or self.font_px < _SMALLEST_PX
            or (
                self.colour is not None
                and self.ground is not None
                and contrast(self.colour, self.ground) < _LEAST_CONTRAST
            )
        )


class Styles:
    """The style sheets inside a mail, as far as they name elements by one tag, class or id."""

    def __init__(self) -> None:
        self._rules: dict[str, dict[str, str]] = {}

    def add(self, sheet: str) -> None:
        """Takes a sheet in; rules for other media than the screen that the mail is read on are left out."""
        first, *rest = sheet[:_SHEET_CHARACTERS].split("/*")
        plain = first + "".join(piece.partition("*/")[2] for piece in rest)
        plain = plain.replace("<!--", "").replace("-->", "").removeprefix("!--")
        for selectors, body in _top_rules(plain):
            declared = declarations(body)
            for selector in selectors.split(","):
                found = _SIMPLE.fullmatch(selector.strip())
                if found is None or not declared or len(self._rules) >= _RULES:
                    continue
                key = f"{found[2]}{found[3]}" if found[2] else (found[1] or "").lower()
                self._rules.setdefault(key, {}).update(declared)

    def of(self, tag: str, classes: str, element_id: str) -> dict[str, str]:
        """Returns what the sheets declare for an element."""
        declared = dict(self._rules.get(tag, {}))
        for name in classes.split()[:20]:
            declared.update(self._rules.get(f".{name}", {}))
        if element_id:
            declared.update(self._rules.get(f"#{element_id}", {}))
        return declared


def declarations(style: str) -> dict[str, str]:
    """Reads the declarations of a style attribute or a rule."""
    plain = unescape(style[:_STYLE_CHARACTERS])
    return {
        name.lower(): value.replace("!important", "").strip().lower()
        for name, value in _DECLARATION.findall(plain)
    }


def look(parent: Look, declared: dict[str, str]) -> Look:
    """Returns how an element inside another one looks."""
    changed = replace(parent, font_px=_font(parent.font_px, declared.get("font-size", "")))
    ground = declared.get("background-color") or declared.get("background", "")
    if ground:
        changed = replace(changed, ground=_ground(parent.ground, ground))
    if declared.get("background-image", "none") != "none":
        changed = replace(changed, ground=None)
    if "color" in declared:
        changed = _coloured(changed, declared["color"])
    visibility = declared.get("visibility", "")
    if visibility:
        changed = replace(changed, invisible=visibility in ("hidden", "collapse"))
    return replace(changed, gone=True) if _is_gone(declared) else changed


def contrast(one: Colour, other: Colour) -> float:
    """Returns the contrast of two colours, from 1 to 21, as WCAG 2.2 defines it."""
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _top_rules(sheet: str) -> Iterator[tuple[str, str]]:
    """Gives the rules outside of at-rules' blocks."""
    outside: list[str] = []
    depth = skipping = 0
    for piece in re.split(r"([{}])", sheet):
        if piece == "{":
            depth += 1
        elif piece == "}":
            depth = max(0, depth - 1)
            if skipping and depth < skipping:
                skipping = 0
                continue
        elif not skipping and piece.strip().startswith("@"):
            skipping = depth + 1
            continue
        if not skipping:
            outside.append(piece)
    for count, found in enumerate(_RULE.finditer("".join(outside))):
        if count >= _RULES:
            return
        yield found[1], found[2]


def _is_gone(declared: dict[str, str]) -> bool:
    cut = declared.get("overflow", "") in ("hidden", "clip")
    placed = declared.get("position", "") in ("absolute", "fixed")
    return (
        declared.get("display", "").startswith("none")
        or declared.get("mso-hide", "") == "all"
        or _number(declared.get("opacity", "1")) < 0.05  # noqa: PLR2004 - nothing to be seen
        or (cut and any(_is_nothing(declared.get(side)) for side in _SIDES))
        or any(
            _pixels(declared.get(name, "")) <= -_OFF_SCREEN_PX
            for name in (
                ("left", "top", "text-indent", "margin-left") if placed else ("text-indent",)
            )
        )
        or (placed and declared.get("clip", "").replace(" ", "").startswith("rect(0"))
        or "scale(0)" in declared.get("transform", "").replace(" ", "")
    )


_SIDES = ("height", "max-height", "width", "max-width")


def _is_nothing(length: str | None) -> bool:
    return length is not None and length != "" and 0 <= _pixels(length, unknown=99.0) < 1.0


def _font(parent: float, size: str) -> float:
    found = _LENGTH.fullmatch(size)
    if found is None or not found[1].strip("-."):
        return parent
    number, unit = float(found[1] or 0), (found[2] or "px").lower()
    if unit in ("em", "%"):
        return parent * number / (100 if unit == "%" else 1)
    return number * _PX.get(unit, 8.0)


def _pixels(length: str, unknown: float = 0.0) -> float:
    found = _LENGTH.fullmatch(length)
    if found is None or not found[1].strip("-."):
        return unknown
    return float(found[1]) * _PX.get((found[2] or "px").lower(), 8.0)


def _number(text: str) -> float:
    try:
        return float(text.rstrip("%")) / (100 if text.endswith("%") else 1)
    except ValueError:
        return 1.0


def _coloured(parent: Look, value: str) -> Look:
    if value == "transparent":
        return replace(parent, invisible=True)
    colour, alpha = _colour(value)
    if alpha is not None and alpha < 0.05:  # noqa: PLR2004 - nothing to be seen
        return replace(parent, invisible=True)
    if value in ("inherit", "initial", "currentcolor"):
        return parent
    return replace(parent, colour=colour)


def _ground(parent: Colour | None, value: str) -> Colour | None:
    if "url(" in value or "gradient" in value:
        return None
    for word in _words(value):
        colour, alpha = _colour(word)
        if alpha is not None and alpha < 1:
            return parent if alpha == 0 else None
        if colour is not None:
            return colour
    return parent if value in ("none", "transparent", "inherit", "initial", "0", "0 0") else None


def _words(value: str) -> Iterable[str]:
    found = _RGB.search(value)
    return [found[0]] if found else value.split()[:6]


def _colour(value: str) -> tuple[Colour | None, float | None]:
    if value in _NAMED:
        return _NAMED[value], None
    found = _RGB.fullmatch(value)
    if found is not None:
        parts = [
            min(255, int(float(found[n])))
            for n in (1, 2, 3)
            if found[n].count(".") <= 1 and found[n] != "."
        ]
        if len(parts) != 3:  # noqa: PLR2004 - red, green, blue
            return None, None
        alpha = _number(found[4] + found[5]) if found[4] else None
        return (parts[0], parts[1], parts[2]), alpha
    digits = _HEX.fullmatch(value)
    if digits is None or len(digits[1]) not in (3, 4, 6, 8):
        return None, None
    text = digits[1] if len(digits[1]) > 4 else "".join(c * 2 for c in digits[1])  # noqa: PLR2004
    alpha = int(text[6:8], 16) / 255 if len(text) == 8 else None  # noqa: PLR2004 - with alpha
    return (int(text[:2], 16), int(text[2:4], 16), int(text[4:6], 16)), alpha


def _luminance(colour: Colour) -> float:
    parts = [
        c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4  # noqa: PLR2004 - WCAG's formula
        for c in (value / 255 for value in colour)
    ]
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]
