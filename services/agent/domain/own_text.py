"""What a customer wrote themself: a mail without the lines and tails that repeat earlier mails, in sentences."""

import re

_LONGEST_TEXT = 20_000
_LONGEST_SENTENCE = 300
_MOST_SENTENCES = 40

_QUOTED_LINE = re.compile(r"^[ \t]*[>|].*$", re.MULTILINE)
_FORWARD_MARK = re.compile(
    r"^[ \t]*(?:-{2,}|_{5,}|={5,}|\*{3,})[ \t]*"
    r"(?:(?:original|forwarded|urspr|weitergeleit|mensaje|message|mensagem|messaggio|begin|asli|nachricht|forward|fwd|"
    r"purani|transf|inoltr|reenvi|encaminh|courriel)[^\n]{0,60})?-*[ \t]*$",
    re.MULTILINE | re.IGNORECASE,
)
# A header of a repeated mail: two lines such as "From: …" and "Sent: …" after each other.
_HEADER = (
    r"(?:from|sent|to|date|subject|von|gesendet|an|datum|betreff|de|enviado|para|fecha|asunto|data|assunto|da|inviato|a|"
    r"oggetto|envoye|envoyé|objet|le)"
)
_HEADERS = re.compile(
    rf"^[ \t]*\*?{_HEADER}\*?[ \t]?:[^\n]*\n[ \t]*\*?{_HEADER}\*?[ \t]?:",
    re.MULTILINE | re.IGNORECASE,
)
# "On Tue, 4 Nov, Frank wrote:" and its like; the verb and the colon end the line.
_WROTE = re.compile(
    r"^[^\n:]{0,120}[^\n]{0,60}\b(?:wrote|writes|schrieb(?:en)?|escribi[oó]|escrib[ií]a|a [eé]crit|[eé]crivait|escreveu|escrevi|"
    r"ha scritto|scriveva|scrisse|ne likha|likha|likhte|likha tha)\b[^\n]{0,40}:[ \t]*$",
    re.MULTILINE | re.IGNORECASE,
)
_END = re.compile(r"(?<=[.!?;…])\s+|\n+|(?<=[.!?])(?=[A-ZÁÉÍÓÚÜÄÖÑ¿¡][a-zà-ü])")


def considered(text: str, longest: int = _LONGEST_TEXT) -> str:
    """Returns the text, or the beginning and the end of one that is longer than `longest` characters."""
    if len(text) <= longest:
        return text
    tail = longest // 4
    return f"{text[: longest - tail]}\n…\n{text[-tail:]}"


def own_text(text: str) -> str:
    """Returns a text without what it repeats of earlier mails; a text that only repeats becomes empty."""
    text = considered(text).replace("\r\n", "\n")
    starts = [
        match.start()
        for mark in (_FORWARD_MARK, _HEADERS, _WROTE)
        if (match := mark.search(text)) is not None and _repeats(text, match)
    ]
    return _QUOTED_LINE.sub("", text[: min(starts)] if starts else text).strip()


def sentences(text: str) -> list[str]:
    """Cuts an own text into at most 40 pieces of at most 300 characters, from the beginning and from the end."""
    pieces = [
        piece
        for sentence in _END.split(text)
        if (stripped := sentence.strip())
        for piece in _pieces(stripped)
    ]
    if len(pieces) <= _MOST_SENTENCES:
        return pieces
    half = _MOST_SENTENCES // 2
    return pieces[:half] + pieces[-half:]


def _pieces(sentence: str) -> list[str]:
    return [
        sentence[start : start + _LONGEST_SENTENCE]
        for start in range(0, len(sentence), _LONGEST_SENTENCE)
    ]


def _repeats(text: str, mark: re.Match[str]) -> bool:
    """Whether what follows a mark is a repeated mail; under a bare rule of dashes a signature may stand."""
    rest = text[mark.end() :].strip()
    return bool(rest) and (bool(re.search(r"[^\W_]", mark[0])) or rest.startswith(">"))
