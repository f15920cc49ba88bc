"""The language of a text, out of the seven that the product speaks.

A recogniser of written languages gives its guesses; what it cannot know, Hindi in Latin script, is told by words.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from services.agent.domain.rules import LANGUAGES
from services.agent.domain.terms import fold, word_set

DEFAULT = "en"
HINDI = "hi"
# More of a text tells nothing new.
LONGEST_READ = 2_000
_FEWEST_LETTERS = 4
_SURE = 0.6
_POSSIBLE = 0.03
_LEAST = 0.2
_SHORT_LETTERS = 24
_HINDI_SHARE = 0.2
_HINDI_POSSIBLE = 0.08
_WORD = re.compile(r"[a-z]+")
# Everyday Hindi words in their usual spellings that are words of none of the other six languages.
_HINDI = word_set(
    "hai hain hoon hun hu nahi nahin nhi nai kya kyu kyun kyon kaise kese kaisa kaha kahan kab kaun kaunsa konsa mera meri mere "
    "mujhe mujhko hum hame hamein humko hamara hamari hamare humara aap aapka aapki aapke apka apki apko aapko tum tumhara tumhari "
    "tumhare tumko yeh ye woh wo vo yaha yahan wahan abhi kal aaj phir fir bhi toh kuch koi kisi sab bahut bohot bht thoda zyada "
    "jyada kam chahiye chaiye chahie karna karne karo kare karein kariye kijiye kripya krna krne kro raha rahe rahi rha rhe rhi "
    "gaya gayi gaye gya gyi tha thi wala wali wale liye lekin magar aur ya agar jab tab jaise waise bhai yaar ji haan theek thik "
    "accha acha paisa paise wapas baat batao bataiye bata dijiye dijie hota hoti hote sakta sakte sakti skta skte dikh dikha dikhta "
    "hua hui huye mein pe se ko ka ki ke ne namaste shukriya dhanyavad dhanyawad kitna kitne kitni insaan aadmi sirf bina pehle "
    "baad saath sath apna apni apne unka uska iska isko usko dusra doosra naya nayi purana kaam milta milega milegi karta karti "
    "jata jaata jati aata aati aa ho hoga hogi gussa bakwas ghatiya saala chutiya jaldi mat"
)
# Words of the list that other languages have too count only beside surer ones.
_SHARED = word_set(
    "ho se ko ka ki ke ne ya aa kal kam pe hum hui tum hu hun wo vo ye ji sab tab tha thi mat fir kare aur mere raha sath mein"
)


@dataclass(frozen=True, slots=True)
class Recognised:
    """The language of a text, and all that it may be in."""

    language: str
    possible: frozenset[str]


def recognise(text: str, guesses: Sequence[tuple[str, float]]) -> Recognised:
    """Chooses among the guesses of a recogniser, each a code of ISO 639-1 with its probability, best first."""
    letters = sum(character.isalpha() for character in text)
    if letters < _FEWEST_LETTERS:
        return Recognised(DEFAULT, LANGUAGES)
    share = hindi_share(text)
    known = [(language, score) for language, score in guesses if language in LANGUAGES - {HINDI}]
    language, score = max(known, key=lambda guess: guess[1], default=(DEFAULT, 0.0))
    if share >= _HINDI_SHARE:
        language, score = HINDI, 1.0
    elif score < _LEAST:
        language = DEFAULT
    if letters < _SHORT_LETTERS or score < _SURE:
        return Recognised(language, LANGUAGES)
    possible = {name for name, chance in known if chance >= _POSSIBLE} | {DEFAULT, language}
    if share >= _HINDI_POSSIBLE:
        possible.add(HINDI)
    return Recognised(language, frozenset(possible))


def hindi_share(text: str) -> float:
    """Returns the share of words that are Hindi, from 0 to 1; 0 if only words shared with others occur."""
    words = _WORD.findall(fold(text[:LONGEST_READ]))
    found = [word for word in words if word in _HINDI]
    if not any(word not in _SHARED for word in found):
        return 0.0
    return len(found) / len(words)
