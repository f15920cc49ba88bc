"""When a person must take over, decided by code on the customer's text, before any model sees it.

Rules look for whole words in the folded text. Look-alikes (a price column, human-readable, a law firm) are blanked
first, so that no pattern sees them.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from services.agent.domain import sentiment
from services.agent.domain.reading import own_words
from services.agent.domain.terms import fold
from services.agent.domain.turn import Channel, Escalation, EscalationReason, Urgency


@dataclass(frozen=True, slots=True)
class _Rule:
    reason: EscalationReason
    urgency: Urgency
    patterns: tuple[re.Pattern[str], ...]


def _patterns(*sources: str) -> tuple[re.Pattern[str], ...]:
    return tuple(re.compile(rf"\b(?:{source})\b") for source in sources)


_LOOK_ALIKES = _patterns(
    r"(?:price|pricing|cost|discount|refund|quote)s?[\s-](?:columns?|fields?|cells?|attributes?|property|properties|formats?|tags?|"
    r"labels?|filters?|formulas?|imports?|exports?|cent(?:er|re)s?|charts?|boards?|templates?|webhooks?|events?|status)",
    r"(?:column|field|cell|label|tag|status|filter|formula|webhook|event)s? (?:named |called |with (?:the )?)?[\"'(]?"
    r"(?:price|pricing|cost|discount|refund|refunded|quote)s?[\"')]?",
    r"(?:order|item|product|task)s? (?:is|was|are|were|gets?|got|that (?:is|are|were)) (?:refunded|reimbursed)",
    r"refunded (?:orders?|items?|products?|payments?)",
    r"(?:double|single|smart|block|closing|opening|escape\w*)[\s-]quotes?",
    r"at no (?:extra )?cost|(?:person|people|agent|human|manager)s?[\s-](?:columns?|fields?|cells?|labels?|filters?)",
    r"columnas? (?:de )?(?:precios?|costes?)|colonnes? (?:de |des )?prix|colunas? (?:de )?precos?|colonn[ae] (?:dei )?prezz[oi]",
    r"human[\s-](?:readable|friendly|resources?|error|review|checked|made|rights|sized)",
    r"human resources?|(?:non|super)[\s-]?human",
    r"(?:we are|we're|i work (?:for|at|in)|for|as|from|at) (?:a|an|our|my) (?:small |large |big |mid-sized )?"
    r"(?:law|legal) (?:firm|office|practice|department|team)",
    r"(?:law|legal) (?:firm|school|student)s?|legal (?:entity|name|notice|hold|department|address|documents?|pages?|terms|templates?)",
    r"(?:add|invite|remove|assign|give|onboard|for) (?:\w+ ){0,4}(?:lawyers?|attorneys?|solicitors?)",
    r"(?:user|api|mail|monitoring|backup|sync)[\s-]agents?",
    r"(?:real|another|new|every|each|any|one|assigned|other|wrong|the|this|a)[\s-]person (?:in|to|from|on|as) (?:my|our|the|a) "
    r"(?:team|workspace|board|group|company|item|task)",
)  # fmt: skip

# "I do not want a refund, I only want …" is no wish.
_DECLINED = re.compile(
    r"\b(?:do not|don't|dont|not) (?:want|need|wish|require|looking for|asking (?:for|about)|ask (?:for|about))"
    r"(?: (?:a|an|any|my|the|to|your|speak|talk|chat|get|with))*\s*$"
)
_DECLINED_REACH = 60

_THING = (
    r"(?:pro|starter|enterprise|business|premium|basic|team|plans?|subscriptions?|licen[cs]es?|seats?|upgrade|users?|"
    r"add-?ons?|product|service|software|package|tier|edition|version|month|year|it|this|that|we|us|me|you|one)"
)
_TALK = r"(?:speak|talk|chat|connect(?: me)?|be connected|get through|put me through|transfer(?: me)?|switch(?: me)?|forward(?: me)?)"
_PERSON = (
    r"(?:human(?: being)?|real person|actual person|live person|person|people|live agent|agent|representative|rep|"
    r"operator|manager|supervisor|somebody real|someone real|(?:someone|somebody)(?: from)?(?: your| the)? (?:team|staff)|staff member|"
    r"support (?:agent|person|rep|team)|(?:member of )?(?:your |the )?(?:team|staff)|employee|someone|somebody)"
)
_RULES = (
    _Rule(
        EscalationReason.LEGAL_LANGUAGE,
        Urgency.CRITICAL,
        _patterns(
            r"lawyers?|attorneys?|solicitors?|barristers?",
            r"su(?:e|ing) (?:you|your|the company|them)|lawsuits?|litigation|class action",
            r"legal (?:action|steps?|proceedings?|claims?|advice|counsel|representation|consequences|threat|team)",
            r"(?:take|taking|see) (?:you|this|them) (?:\w+ )?(?:to|in) court|small claims|court order|subpoena",
            r"(?:breach|violation) of (?:contract|gdpr|privacy|law|the law)|gdpr (?:complaint|violation|breach)",
            r"(?:data protection|supervisory|consumer (?:protection|rights)|regulatory) (?:authority|agency|office|board)",
            r"cease and desist|press charges|file (?:a )?(?:complaint|report) with",
            r"abogad[oa]s?|demandar(?:los|les|emos|e)?|acciones legales|tribunales",
            r"anwalt|anwaltin|anwalte|rechtsanwalt\w*|verklagen?|verklage|rechtliche schritte|gericht",
            r"avocate?s?|poursuites?(?: judiciaires?)?|poursuivre en justice|porter plainte|tribunal",
            r"advogad[oa]s?|processar (?:voces|a empresa)|acao judicial|procon",
            r"avvocat[oia]|vie legali|azione legale|denuncia",
        ),
    ),
    _Rule(
        EscalationReason.REFUND_REQUEST,
        Urgency.HIGH,
        _patterns(
            r"refund(?:s|ed|ing)?|reimburse(?:d|ment|ments)?|charge\s?back|money[\s-]back",
            r"(?:want|need|give|get|send|have|return)(?: me| us)?(?: all)? (?:my|our|the) money(?: back)?",
            r"(?:double|twice|wrongly|incorrectly) (?:charged|billed)|(?:charged|billed)(?: me| us)? (?:twice|double|two times)|overcharged",
            r"reembols\w+|devol\w+ (?:el|mi|nuestro|meu|o|nosso) dinh?eir?o|devolver (?:el|mi) dinero|quiero mi dinero",
            r"ruckerstatt\w+|erstatt(?:ung|en|et)|geld zuruck",
            r"rembours\w+|rimbors\w+|estorno|indietro i (?:miei )?soldi|devolucion de(?:l)? dinero",
        ),
    ),
    _Rule(
        EscalationReason.PRICING_INQUIRY,
        Urgency.NORMAL,
        _patterns(
            r"(?:how much|what) (?:does|do|would|will|is|are|did|should)\b[^.?!\n]{0,60}\b(?:costs?|price|pay|charge)",
            rf"how much (?:is|are|for|does|would|per|to)\b[^.?!\n]{{0,40}}\b{_THING}",
            r"(?:price|cost|rate) (?:of|for|per|list|quote|increase|difference|range|sheet|point)s?",
            r"(?:the|your|any|current|monthly|annual|yearly|new|best|what) (?:prices?|pricing|rates|costs?|fees?)",
            r"pricing|prices|price\?|costs?\?",
            rf"(?:cost|charge) (?:us|me|per|for {_THING})",
            r"(?:get|give|send|want|need|have|request|provide)(?: me| us)? (?:a |an |the |your )?(?:custom |price )?(?:quotes?|quotation|discounts?|price)",
            r"(?:discounts?|coupons?|promo(?:tion)?s?|vouchers?|special offers?|cheaper|how expensive|too expensive|free trial)",
            r"(?:annual|monthly|yearly) (?:fee|rate|cost|price|pricing)",
            r"cuanto (?:cuesta|cuestan|vale|sale|costaria)|precios?|descuentos?|presupuesto",
            r"(?:was|wie ?viel) (?:kostet|kosten|wurde|zahl\w+)\b|preise?|rabatt\w*|preisliste|kostet",
            r"combien (?:coute|coutent|ca coute|couterait)|tarifs?|prix|remise|devis",
            r"quanto (?:custa|custam|costa|costano|custaria|costerebbe)|precos?|prezz[oi]|scont[oi]|desconto|preventivo|orcamento",
        ),
    ),
    _Rule(
        EscalationReason.EXPLICIT_HUMAN_REQUEST,
        Urgency.HIGH,
        _patterns(
            rf"{_TALK}(?: \w+){{0,2}} (?:to|with)(?: (?:a|an|the|your|one of your|some|any|my))?(?: (?:real|actual|live|human|proper))* {_PERSON}",
            r"(?:connect|transfer|switch|forward|escalate)(?: me| this| us)? (?:\w+ )?to (?:a |an |your |the )?(?:\w+ )?(?:human|person|agent|manager|supervisor|representative|team)",
            r"(?:real|actual|live|human) (?:person|human|agent|being|support|representative|operator|help|assistance)",
            r"(?:want|need|prefer|get me|give me|like)(?: to have| to get)? (?:a |an |the |your )?(?:human|person|manager|supervisor|representative|live agent|operator)",
            r"(?:human|person|agent|manager) (?:please|help me)|(?:human|person|agent|someone|somebody|manager) (?:to )?(?:call|contact|ring) me",
            r"call me(?: back)?|(?:not|no|stop\w*|hate|than|instead of|without|only) (?:\w+ ){0,3}(?:bots?|chat ?bots?|robots?|machines?)",
            r"hablar con (?:(?:una?|algun|el|la) )?(?:persona|humano|agente|representante|operador|alguien|asesor)(?: real)?|persona real|agente humano",
            r"(?:mit )?(?:einem|einer|jemandem|jemand)?(?: echten| richtigen)? ?(?:menschen|mitarbeiter(?:in)?|person|berater(?:in)?|mensch) (?:sprechen|reden|verbinden|schreiben|chatten)|echten? mensch(?:en)?",
            r"parler (?:a|avec) (?:une?|quelqu'un|le|un vrai)(?: vraie?)?(?: (?:humain|personne|agent|conseiller|conseillere|responsable|etre humain))?|vraie personne|vrai humain|un humain",
            r"falar com (?:(?:uma?|algum|o|a) )?(?:pessoa|humano|atendente|agente|alguem|representante)(?: real)?|atendente humano|pessoa real",
            r"parlare con (?:(?:una?|un'|qualche|il|la) ?)?(?:persona|umano|operatore|operatrice|agente|qualcuno|essere umano)(?: reale)?|operatore umano|persona reale",
        ),
    ),
)  # fmt: skip

_KEYWORD = re.compile(
    r"(?:human|person|agent|representative|operator|humano|humana|persona|agente|mensch|mitarbeiter|humain|personne|"
    r"pessoa|atendente|umano|operatore)(?:[\s,]+(?:please|por favor|bitte|s'il vous plait|per favore))?"
)


def before(texts: Sequence[str], channel: Channel) -> Escalation | None:
    """Decides on what the customer wrote; the gravest reason wins. None means that the AI may try.

    `texts` are the messages of the batch, subjects included; quoted lines of earlier mails do not count.
    """
    own = [own_words(text) for text in texts]
    folded = [fold(text) for text in own]
    blanked = [_blank(text) for text in folded]
    if any(_KEYWORD.fullmatch(text.strip(" .!?*\"'\n")) for text in folded):
        whatsapp = channel is Channel.WHATSAPP
        return Escalation(
            EscalationReason.WHATSAPP_HUMAN_KEYWORD
            if whatsapp
            else EscalationReason.EXPLICIT_HUMAN_REQUEST,
            Urgency.HIGH,
        )
    for rule in _RULES[:1]:
        if _applies(rule, blanked):
            return Escalation(rule.reason, rule.urgency)
    if any(sentiment.PROFANITY.search(text) for text in folded):
        return Escalation(EscalationReason.PROFANITY, Urgency.HIGH)
    for rule in _RULES[1:]:
        if _applies(rule, blanked):
            return Escalation(rule.reason, rule.urgency)
    if any(sentiment.is_negative(sentiment.score(text)) for text in own):
        return Escalation(EscalationReason.NEGATIVE_SENTIMENT, Urgency.HIGH)
    return None


def _blank(text: str) -> str:
    for pattern in _LOOK_ALIKES:
        text = pattern.sub(lambda match: " _ " if "\n" not in match[0] else match[0], text)
    return text


def _applies(rule: _Rule, texts: Sequence[str]) -> bool:
    return any(
        _DECLINED.search(text[max(0, match.start() - _DECLINED_REACH) : match.start()]) is None
        for text in texts
        for pattern in rule.patterns
        for match in pattern.finditer(text)
    )
