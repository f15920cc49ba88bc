"""Words of a text, made comparable: folded, without stop words, reduced to a stem."""

import re
import unicodedata


def word_set(text: str) -> frozenset[str]:
    """Makes a set of the words of a text, for word lists that read as text."""
    return frozenset(text.split())


_SHORT = 4
_WORD = re.compile(r"[a-z0-9]+")
_STOP_WORDS = word_set(
    "a about after again all also am an and any anybody anyone are as at back be because been "
    "before being but by can cannot could did do does doing done each else every few for from "
    "get gets getting got had has have having he hello help her here hey hi him his how "
    "however i if in into is it its just know let like make may me might mine more most much "
    "must my need needs no not now of off ok okay on once one only or other our out over own "
    "please pls possible question questions quick quickly s same see shall she should show so "
    "some somebody someone something soon still such t tell than thank thanks that the their "
    "them then there these they thing this those through to too try trying u under until up "
    "us use using very via want was way we well were what when where which while who why will "
    "with within without wonder wondering would yes yet you your able dear good morning "
    "afternoon evening team regards cheers best kind both d ll m re ve don doesn didn isn "
    "aren wasn won couldn wouldn shouldn really actually ever anything everything nothing "
    "exactly go goes going explain right first second third way ways find "
    "today anymore anyway currently suddenly always since"
)
# Spellings of one thing; applied to the folded text before it is cut into words.
_SPELLINGS = (
    (re.compile(r"\bsingle[\s-]sign[\s-]?on\b|\bsso\b"), "singlesignon"),
    (re.compile(r"\b(?:log|sign)(?:ging|ing|ged|ned)?[\s-]?(?:in|into|on|onto)\b"), "signin"),
    (re.compile(r"\blogins?\b"), "signin"),
    (re.compile(r"\b(?:two|2)[\s-]?(?:factor|step|fa)\b|\bmfa\b"), "twofactor"),
    (re.compile(r"\be-?mails?\b|\bmails?\b"), "email"),
    (re.compile(r"\bapi[\s-]?keys?\b|\bapi[\s-]tokens?\b"), "api key"),
    (re.compile(r"\btime[\s-]?zones?\b"), "timezone"),
    (re.compile(r"\bweb[\s-]?hooks?\b"), "webhook"),
    (re.compile(r"\bsynchroni[sz]\w*\b|\bsync\w*\b"), "sync"),
    (re.compile(r"\badministrators?\b|\badmins?\b"), "admin"),
)
# Words that customers use for what documentation calls otherwise.
_SAME = {
    "download": "export",
    "forgot": "forget",
    "forgotten": "forget",
    "lost": "lose",
    "people": "user",
    "person": "user",
    "colleague": "user",
    "coworker": "user",
    "member": "user",
    "teammate": "user",
    "employee": "user",
    "invite": "add",
    "invitation": "add",
    "credential": "password",
    "picture": "photo",
    "avatar": "photo",
    "bill": "invoice",
    "phone": "mobile",
    "erase": "delete",
    "recover": "restore",
    "undelete": "restore",
    "setup": "set",
    "configure": "set",
    "enable": "turn",
    "activate": "turn",
    "switch": "turn",
    "modify": "change",
    "edit": "change",
    "update": "change",
    "generate": "create",
    "new": "create",
}


def fold(text: str) -> str:
    """Lower-cases, drops accents and straightens quotation marks."""
    decomposed = unicodedata.normalize("NFKD", text.replace("\u2019", "'").replace("\u2018", "'"))
    return "".join(c for c in decomposed if not unicodedata.combining(c)).casefold()


def terms(text: str) -> list[str]:
    """Lists the meaningful stems of a text, in its order, with repeats."""
    folded = fold(text)
    for pattern, spelling in _SPELLINGS:
        folded = pattern.sub(spelling, folded)
    words = (_SAME.get(word, word) for word in _WORD.findall(folded))
    return [_stem(word) for word in words if word not in _STOP_WORDS and len(word) > 1]


def _stem(word: str) -> str:
    stem = word
    for ending, least in (("ies", 4), ("ing", 5), ("ed", 4), ("es", 4), ("s", 3)):
        if word.endswith(ending) and len(word) - len(ending) >= least - len(ending) + 2:
            stem = word[: -len(ending)] + ("y" if ending == "ies" else "")
            break
    if stem.endswith(("ss", "us", "is")):
        return stem
    if len(stem) > _SHORT and stem[-1] == stem[-2] and stem[-1] not in "ls":
        stem = stem[:-1]
    stem = stem.removesuffix("e") if len(stem) >= _SHORT else stem
    return _SAME.get(stem, stem)
