"""How seven languages greet, sign, ask, feel with somebody and offer a person: marks of a judge of answers.

They are the judge's own: loose enough for any polite wording, and taken from no phrase of the system.
"""

import re
import unicodedata
from collections.abc import Mapping
from typing import Final

_ACCENT: Final = re.compile(r"[\u0300-\u036f]")
_WORD: Final = re.compile(r"[^\W\d_]+")

# Small words that carry a language's grammar and are common to few of the others; folded.
_FUNCTION_WORDS: Final[Mapping[str, frozenset[str]]] = {
    language: frozenset(words.split())
    for language, words in {
        "en": "the you your to of and is for we it can with that this on if are what please not have from will by",
        "es": "el los las usted su una que por para con su puede esta y del al nos le lo es hola si quiere aqui hay este hemos",
        "de": "der die das und sie ihr ihre ihnen ist nicht mit fur ein eine einen wir auf den dem zu bitte oder uns",
        "fr": "le les des vous votre nous est une pour avec dans et ou du sur que qui pas bonjour ce cette au aux se",
        "pt": "os voce sua seu uma para com nao por que em do da no na ou e pode nos ola esta este foi se como aqui nossa nosso pelo pela suas todas",
        "it": "il gli lei una per con che di non del della e le la puo nel suo sua buongiorno qui ci si questo piu suoi tutti",
        "hi": "hai hain ka ki ke ko mein aap aapka aapki aapke se nahi nahin kya kar karein hum yeh ek liye par bhi aur ya",
    }.items()
}  # fmt: skip
_FEW_WORDS: Final = 5

GREETING: Final = re.compile(
    r"^(?:hello|hi|hey|dear|good (?:morning|day|afternoon)|guten tag|hallo|liebe|sehr geehrte|hola|buenos dias|estimad|"
    r"bonjour|bonsoir|cher|ola|bom dia|prezad|buongiorno|salve|ciao|gentile|namaste|namaskar)\b"
)
SIGNATURE: Final = re.compile(
    r"\b(?:regards|best wishes|sincerely|yours|freundliche gru\S*|viele gru\S*|herzliche gru\S*|saludos?|atentamente|"
    r"cordialement|salutations|atenciosamente|cumprimentos|abracos|cordiali saluti|distinti saluti|saluti|dhanyavaad|"
    r"dhanyawad|shubhkamnaen|sadar)\b"
)
# A person from the company, or the word that brings one.
PERSON: Final = re.compile(
    r"\b(?:human|person|persons|specialist|colleague|team|mensch\w*|mitarbeiter\w*|kolleg\w+|ansprechpartner\w*|"
    r"persona|humano|agente|equipo|especialista|companer\w+|personne|humain\w*|conseill\w+|equipe|collegue|specialiste|"
    r"pessoa|atendente|equipa|colega|operatore|squadra|collega|vyakti|insaan|agent|saathi|specialista)\b"
)
EMPATHY: Final = re.compile(
    r"\b(?:sorry|understand|apolog\w+|regret|leid|verstehe\w*|entschuldig\w+|bedaur\w*|siento|lamento|lamentamos|"
    r"entiendo|entendemos|disculp\w+|desole\w*|comprends|comprenons|excus\w+|regrett\w+|entendo|desculp\w+|"
    r"dispiace|capisco|capiamo|scus\w+|khed|maaf\w*|samajh\w*)\b"
)
CONTINUING: Final = re.compile(
    r"\b(?:continu\w+|carry on|pick\w* up|contacted us|setz\w+|fortsetz\w*|anknupf\w*|weiter|retom\w+|suite|"
    r"poursuiv\w+|reprenons|proseg\w+|riprend\w+|aage|jaari)\b"
)
CHANNELS: Final[Mapping[str, "re.Pattern[str]"]] = {
    "email": re.compile(r"\b(?:e-?mails?|mails?|correo|courriel)\b"),
    "whatsapp": re.compile(r"\bwhatsapp\b"),
    "web_form": re.compile(r"\b(?:web)?(?:form|forms|formular|formulario|formulaire|modulo)\b"),
}
_CURRENCY: Final = (
    r"(?:[$€£¥₹]|\b(?:usd|eur|gbp|inr|brl|chf|dollars?|euros?|pounds?|rupees?|reais|francs?)\b)"
)
MONEY: Final = re.compile(rf"{_CURRENCY}\s*\d|\d[\d.,]*\s*{_CURRENCY}", re.IGNORECASE)


def fold(text: str) -> str:
    """Returns a text in small letters without accents."""
    return _ACCENT.sub("", unicodedata.normalize("NFD", text.casefold())).replace("ß", "ss")


def speaks(text: str, language: str) -> bool:
    """Tells whether a text can be in a language: none of the others has more of its small words there.

    A text of fewer than five words is in every language.
    """
    words = _WORD.findall(fold(text))
    if len(words) < _FEW_WORDS:
        return True
    counts = {known: sum(word in its for word in words) for known, its in _FUNCTION_WORDS.items()}
    return counts[language] > 0 and counts[language] == max(counts.values())
