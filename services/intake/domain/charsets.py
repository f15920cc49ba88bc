"""Bytes to text where the declared charset is right, wrong, unknown or missing."""

import codecs
import re

from charset_normalizer import from_bytes

_SAMPLE = 4096
# What mail programs write, and what they mean by it: each is a superset of the name it stands in for.
_MEANT = {
    "us-ascii": "cp1252",
    "ascii": "cp1252",
    "iso-8859-1": "cp1252",
    "latin1": "cp1252",
    "iso8859-1": "cp1252",
    "iso8859-9": "cp1254",
    "iso-8859-8-i": "iso-8859-8",
    "iso-8859-9": "cp1254",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "x-gbk": "gb18030",
    "chinesebig5": "big5hkscs",
    "big5": "big5hkscs",
    "ks_c_5601-1987": "cp949",
    "euc-kr": "cp949",
    "shift_jis": "cp932",
    "shift-jis": "cp932",
    "x-sjis": "cp932",
    "windows-31j": "cp932",
    "iso-2022-jp": "iso2022_jp_ext",
    "unicode-1-1-utf-7": "utf-7",
    "utf8mb4": "utf-8",
}
# Codecs of Python that are no charset of text, or that take long.
_NEVER = frozenset(("idna", "punycode", "unicode_escape", "raw_unicode_escape", "undefined"))
# A mail that declares one of these, or nothing, may well hold something else.
_VAGUE = frozenset(("", "cp1252"))
_GUESSES = [
    "cp1251",
    "koi8_r",
    "cp1250",
    "cp1252",
    "cp1253",
    "cp1254",
    "cp1255",
    "cp1256",
    "cp932",
    "euc_jp",
    "gb18030",
    "big5hkscs",
    "cp949",
]
_META = re.compile(rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?([\w.:-]{1,40})", re.IGNORECASE)
# Escapes of ISO-2022: seven-bit Japanese, Korean and Chinese pass for ASCII without their charset.
_ESCAPES = (
    (b"\x1b$B", "iso2022_jp_ext"),
    (b"\x1b$@", "iso2022_jp_ext"),
    (b"\x1b$)C", "iso2022_kr"),
)


def decode(data: bytes, declared: str = "") -> str:
    """Returns the text of some bytes; what fits nothing is shown as the replacement character."""
    name = codec(declared)
    for mark, marked in ((codecs.BOM_UTF8, "utf-8-sig"), (b"\xff\xfe", "utf-16")):
        if data.startswith(mark):
            return _replaced(data, marked)
    if name in _VAGUE or name == "utf-8":
        for escape, escaped in _ESCAPES:
            if escape in data:
                return _replaced(data, escaped)
        try:
            return data.decode("utf-8")
        except UnicodeDecodeError as error:
            if name == "utf-8" and _mostly_fits(data, error):
                return _replaced(data, "utf-8")
        return _replaced(data, _guess(data))
    try:
        return data.decode(name)
    except (UnicodeError, LookupError, ValueError):
        pass
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return _replaced(data, name)


def decode_html(data: bytes, declared: str = "") -> str:
    """Returns the text of an HTML part, whose own head may name the charset."""
    named = _META.search(data[:2048])
    return decode(data, declared or (named[1].decode("ascii", "replace") if named else ""))


def codec(declared: str) -> str:
    """Returns Python's codec for what a mail declares, empty for none or an unknown one."""
    wanted = declared.strip().strip("\"'").lower()
    wanted = _MEANT.get(wanted, wanted)
    if not wanted or not wanted.isascii() or "\0" in wanted:
        return ""
    try:
        found = codecs.lookup(wanted)
    except (LookupError, ValueError):
        return ""
    name = found.name.replace("-", "_")
    if not getattr(found, "_is_text_encoding", False) or name in _NEVER:
        return ""
    return "utf-8" if name == "utf_8" else _MEANT.get(found.name, found.name)


def _replaced(data: bytes, name: str) -> str:
    try:
        return data.decode(name, "replace")
    except (UnicodeError, LookupError, ValueError):
        return data.decode("cp1252", "replace")


def _mostly_fits(data: bytes, error: UnicodeDecodeError) -> bool:
    """Whether a text is UTF-8 but for some broken bytes, such as a character cut in two."""
    text = data[max(0, error.start - _SAMPLE) : error.start + _SAMPLE].decode("utf-8", "replace")
    wrong = text.count("\N{REPLACEMENT CHARACTER}")
    right = sum(character > "\x7f" for character in text) - wrong
    return right >= 2 * wrong


def _guess(data: bytes) -> str:
    foreign = sum(byte > 0x7F for byte in data[:_SAMPLE])  # noqa: PLR2004 - the end of ASCII
    letters = sum(byte > 0x40 for byte in data[:_SAMPLE])  # noqa: PLR2004 - letters, roughly
    if foreign * 4 < letters:
        # A few foreign letters among many of ours: a western European language.
        return "cp1252"
    best = from_bytes(data[:_SAMPLE], cp_isolation=_GUESSES).best()
    return best.encoding if best is not None else "cp1252"
