"""The language of a text, out of the seven that the product speaks.

A recogniser of written languages gives its guesses; what it cannot know, Hindi in Latin script, is told by words.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from services.agent.domain.rules import LANGUAGES
from services.agent.domain.skeleton import skeleton
from services.agent.domain.terms import fold, word_set

DEFAULT = "en"
HINDI = "hi"
# More of a text tells nothing new.
LONGEST_READ = 2_000
_FEWEST_LETTERS = 4
_SURE = 0.6
_AHEAD = 0.2
_POSSIBLE = 0.03
_LEAST = 0.2
_SHORT_LETTERS = 24
_HINDI_SHARE = 0.2
_HINDI_POSSIBLE = 0.08
# What the small words of a language are among those of a longer text, at least.
_LEAST_SHARE = 0.12
_LEAST_WORDS = 4
_WORD = re.compile(r"[a-z]+")
_ANY_WORD = re.compile(r"[^\W_]+")
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


# Small words and courtesies, which say more of a short message than its letters do.
_SMALL = {
    "en": "human person agent the a an of to in on for with is are am was it you your yours and or that this from by be can cannot could not if then when as at "
    "we our us its will would have has had do does did i my me how what where which who why please thanks thank hello hi hey there any get "
    "don doesn isn they their them been just but so out up",
    "es": "persona humano agente el la los las de del en con por para que un una es son su sus y o se al como lo mas pero si no esta estan este esto usted puede "
    "puedo tu cuando donde cual quien mi me nos hola gracias favor quiero necesito tengo hay muy ya tambien desde hasta buenos dias",
    "de": "mensch mitarbeiter der die das den dem des ein eine einen einem und oder zu zum zur im mit von auf fur ist sind sie ihr ihre nicht wenn dann wird wir "
    "bei aus kann konnen es unter ich mein meine mich mir wie was wo warum wer bitte danke hallo guten tag habe haben hat noch auch man uns "
    "unser unsere ihnen kein keine",
    "fr": "humain personne le la les un une des du de et ou a au aux en dans pour avec est sont vous votre vos ce cette que qui ne pas sur par si il nous "
    "puis je j mon ma mes me comment quoi quand pourquoi quel quelle bonjour merci svp plait voudrais peux peut c d l qu n y suis ai avons "
    "notre nos bonsoir salut",
    "pt": "humano pessoa atendente o a os as de do da dos das em no na nos nas um uma e ou para com por que se nao mais seu sua voce voces pode posso ao como quando "
    "esta este isso eu meu minha me onde qual quem ola obrigado obrigada favor quero preciso tenho tem muito ja bom dia boa tarde",
    "it": "persona umano operatore il lo la i gli le di del della dei delle in nel nella con per su da un una e o che si non sono tuo suo sua puo posso al alla come "
    "quando questo io mio mia mi dove quale chi perche ciao grazie favore vorrei ho abbiamo molto gia buongiorno salve ci vi anche",
}
SMALL_WORDS = {language: word_set(words) for language, words in _SMALL.items()} | {HINDI: _HINDI}


@dataclass(frozen=True, slots=True)
class Recognised:
    """The language of a text, all that it may be in, and whether the first is more than a guess."""

    language: str
    possible: frozenset[str]
    certain: bool


def recognise(text: str, guesses: Sequence[tuple[str, float]]) -> Recognised:
    """Chooses among the guesses of a recogniser, each a code of ISO 639-1 with its probability, best first.

    The share of small words counts as much as the recogniser's probability: of "How do I reset my password?" alone
    it thinks that it is French.
    """
    letters = sum(character.isalpha() for character in text)
    if letters < _FEWEST_LETTERS:
        return Recognised(DEFAULT, LANGUAGES, certain=False)
    hindi = hindi_share(text)
    shares = small_word_shares(text)
    scores = {
        language: dict(guesses).get(language, 0.0) + shares[language]
        for language in sorted(LANGUAGES - {HINDI})
    }
    if hindi >= _HINDI_SHARE:
        scores[HINDI] = 1.0 + hindi
    first, second = sorted(scores, key=lambda language: -scores[language])[:2]
    score = scores[first]
    language = first if score >= _LEAST else DEFAULT
    told = letters >= _SHORT_LETTERS or shares.get(first, hindi) > 0
    certain = told and score >= _SURE and score - scores[second] >= _AHEAD
    if letters < _SHORT_LETTERS or score < _SURE:
        return Recognised(language, LANGUAGES, certain)
    possible = {name for name, chance in scores.items() if chance >= _POSSIBLE} | {
        DEFAULT,
        language,
    }
    if hindi >= _HINDI_POSSIBLE:
        possible.add(HINDI)
    return Recognised(language, frozenset(possible), certain)


def language_of(text: str) -> str:
    """Names the language of a text by its small words; empty if it is none of the seven, or too short to tell.

    For drafts and passages of documentation; of a customer's few words `recognise` makes more.
    """
    words = _ANY_WORD.findall(skeleton(text))
    if len(words) < _LEAST_WORDS:
        return ""
    counts = {name: sum(word in known for word in words) for name, known in SMALL_WORDS.items()}
    best = max(counts, key=lambda name: counts[name])
    # One small word may be another language's; two of a kind are none's.
    return best if counts[best] >= max(_LEAST_SHARE * len(words), min(2, len(words) / 6)) else ""


def small_word_shares(text: str) -> dict[str, float]:
    """Returns for each language the share of a text's words that are small words of it, from 0 to 1."""
    words = _WORD.findall(fold(text[:LONGEST_READ]))
    return {
        language: sum(word in known for word in words) / max(len(words), 1)
        for language, known in SMALL_WORDS.items()
    }


def hindi_share(text: str) -> float:
    """Returns the share of words that are Hindi, from 0 to 1; 0 if only words shared with others occur."""
    words = _WORD.findall(fold(text[:LONGEST_READ]))
    found = [word for word in words if word in _HINDI]
    if not any(word not in _SHARED for word in found):
        return 0.0
    return len(found) / len(words)
