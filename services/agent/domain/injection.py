"""Texts that speak to the assistant instead of the reader: such a section of the documentation is no evidence."""

import regex

from services.agent.domain.skeleton import disguises, skeleton

_ORDERS = (
    # English
    r"(?:ignore|disregard|forget|override|bypass)\w* (?:\w+ ){0,4}(?:instructions?|rules?|prompts?|guidelines?|directives?)",
    r"(?:your|the|these|initial|original|system|previous|prior|hidden) (?:\w+ )?(?:system prompt|instructions? (?:verbatim|above|below|into|to me))|system prompt",
    r"you are (?:now|in (?:test|debug|developer|admin|maintenance)|dan\b)|(?:god|jailbreak|dan) mode",
    (r"from now on,? (?:you\b|every answer|answer|always|ignore)|repeat after me|print everything|(?:text|everything|words) above|as (?:your|an|the) (?:administrator|admin|developer|creator|owner) i|"
    r"(?:ai|language|virtual) (?:assistants?|models?|agents?)\b.{0,60}\b(?:must|should|recommend|notice|answer|say|tell)|notice for ai|note to (?:the )?(?:ai|assistant|bot)|"
    r"(?:^|\n)\s*(?:system|assistant|developer)\s*:|jail ?br(?:eak|oken)|decode and (?:follow|execute|run)|tracking pixel|call [a-z]+_[a-z_]+ with|forward this (?:whole )?conversation|when you answer"),
    # Spanish, German, French, Portuguese, Italian, Hindi
    r"ignor\w+ (?:\w+ ){0,3}(?:instruc\w+|anweisung\w+|regel\w*|instruzion\w+|istruzion\w+|consignes?)|ignorier\w* (?:\w+ ){0,3}(?:anweisung|regel)\w*|(?:anteriores|prec?edent\w*|bisherigen|iniciales|iniziali|iniciais) (?:instruc\w+|instruzion\w+|istruzion\w+|anweisung\w*)",
    r"(?:instruc\w+|istruzion\w+|anweisung\w*) (?:iniciales|iniciais|iniziali|de depart|anteriores|precedent\w+)|(?:tus|deine|tes|tuas|suas|tue) (?:instruc\w+|instruzion\w+|istruzion\w+|anweisung\w*)",
    (r"(?:modo de (?:prueba|teste)|testmodus|mode test|modalita di prova|test mode) ?:|como administrador|als administrator|en tant qu'administrateur|come amministratore|main admin|"
    r"(?:^|\n)\s*(?:responde|responda|antworte|reponds|rispondi|di|diga|sag|dis|bolo)(?: dem kunden)?,? (?:que|dass|che|ki)\b|(?:^|\n)\s*(?:di' che|bolo ki|batao|reenvia|encaminhe|leite das|transfere la|inoltra|ajoute cette image)\b|"
    r"(?:pehle ke|saare|apne) (?:\w+ ){0,2}nirdesh|baatcheet .{0,40}bhej|ahora eres|du bist (?:jetzt|nun)|tu es maintenant|agora voce e|ora sei"),
    # Markup of a conversation
    r"</?\w*_message>|\"role\"\s*:|<\|\w+\|>|\[/?inst\]|display\s*:\s*none",
)  # fmt: skip
_SPEAKS = regex.compile("|".join(f"(?:{order})" for order in _ORDERS))


def speaks_to_the_assistant(text: str) -> bool:
    """Tells whether a text gives orders to whoever answers from it, or hides characters from its reader."""
    # Markup is looked for in the text itself: a skeleton has none.
    return bool(
        disguises(text) or _SPEAKS.search(skeleton(text)) or _SPEAKS.search(text.casefold())
    )
