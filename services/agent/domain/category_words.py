"""Words by which a customer's matter is sorted into a ticket's category, in seven languages, folded.

The order of the languages is English, Spanish, German, French, Portuguese, Italian, Hindi in Latin script; words that
several share stand once. A matter without any of them is technical.
"""

from collections.abc import Mapping
from types import MappingProxyType

import regex

from services.agent.domain.terms import fold


def _words(*sources: str) -> "regex.Pattern[str]":
    return regex.compile(rf"(?<!\w)(?:{'|'.join(sources)})(?!\w)")


# The first category that a text has a word of is taken: an invoice with a mistake is a matter of billing.
CATEGORY_WORDS: Mapping[str, "regex.Pattern[str]"] = MappingProxyType(
    {
        "billing": _words(
            r"invoic\w+|billing|bills?|billed|pay(?:ing|ments?)?|paid|(?:credit|debit|payment|company) cards?|vat|tax(?:es)?|subscriptions?|(?:which|what|my|our|your|the|pro|annual|monthly|yearly|smaller|bigger|higher|lower) plans?|licen[cs]es?|(?:up|down)grad\w+|"
            r"charg(?:ed|es) (?:us|me|twice|again|our|my)|receipts?|purchase orders?|direct debit",
            r"factur\w+|pag(?:o|os|ar|amos|ado|ue)|cobr\w+|tarjetas?(?: de credito)?|suscripci\w+|licencias?|iva|recibos?|domiciliacion|(?:mi|nuestro|su|el) plan",
            r"\w*rechnung(?:en|s\w*)?|abrechnung\w*|(?:be|ge)?zahl(?:en|t|ung\w*|ungs\w*)(?<!\bzahlen)|kreditkart\w+|lastschrift\w*|lizenz\w*|abos?|abonnement\w*|mwst|mehrwertsteuer|ust|umsatzsteuer\w*|"
            r"abgebucht|abbuchung\w*|quittung\w*|(?:unser\w*|mein\w*) (?:tarif|plan)|tarif(?:e|s|wechsel\w*)?",
            r"paiements?|pay(?:er|e|ons|ez|es)|facturation|cartes? (?:bancaires?|de credit|bleues?)|abonnements?|tva|prelev\w+|recus? de paiement|(?:notre|mon|votre) forfait|forfaits?",
            r"fatur\w+|pagament\w+|pag(?:amos|uei|a)|cartao(?: de credito)?|cartoes|assinaturas?|licencas?|boletos?|cobranc\w*|cobrad\w+|nota fiscal|notas fiscais|(?:meu|nosso|o) plano",
            r"fattur\w+|pag(?:are|ato|ata|hiamo)|cart[ae] di credito|abbonament\w+|licenz[ae]|addebit\w+|ricevut[ae]|(?:il|mio|nostro) piano",
            r"bhugtan|chalan|gst|paise (?:kat|kate|kat gaye)|(?:card|payment|bill) ka",
        ),
        "bug_report": _words(
            r"bugs?|crash\w*|errors?|broken|fail(?:s|ed|ing|ure|ures)?|freez(?:es|ing)|frozen|glitch\w*|stopped working|not working|(?:does not|doesn't|doesnt|won't|wont) (?:work|load|open|save)",
            r"error(?:es)?|fall(?:a|an|o|os|ado)|no (?:funciona|funcionan|carga|cargan|abre|abren|guarda)|se (?:cierra|cuelga|bloquea|congela)|averiad\w+",
            r"\w*fehler(?:meldung\w*|haft\w*|n)?|absturz\w*|absturze|sturzt|abgesturzt|kaputt|defekt\w*|hangt sich|friert|funktionier(?:t|en) (?:\w+ ){0,3}(?:nicht|nicht mehr)|geht (?:\w+ ){0,2}nicht mehr|ladt (?:\w+ ){0,2}nicht",
            r"erreurs?|bogues?|plant(?:e|ent|age|ages|ees?)|en panne|ne (?:fonctionn\w+|march\w+|charg\w+|s'ouvr\w+) (?:pas|plus)|se (?:fige|bloque|ferme)",
            r"erros?|falh(?:a|as|ou|am|ando)|quebrad\w+|trav(?:a|ou|ando|ado|am)|nao (?:funciona|funcionam|carrega|carregam|abre|abrem|salva)|parou de funcionar",
            r"error[ei]|guast\w+|si (?:blocca|chiude|pianta)|bloccat\w+ da solo|non (?:funziona|funzionano|si apre|si carica|carica|salva)|ha smesso di funzionare|malfunzionament\w+",
            r"(?:kaam|load|open|save|chal) (?:hi )?(?:nahi|nahin|nhi)|(?:nahi|nahin|nhi) (?:chal|khul|ho) (?:rah\w+|rh\w+)|kharab|gadbad|atak (?:gaya|raha|jata)|hang ho",
        ),
        "feedback": _words(
            r"suggestions?|suggest(?:ing|ed)?|feedback|ideas?|feature|feature requests?|features|it would be (?:nice|great|helpful)|wish (?:list|there|it|you)",
            r"sugerencias?|sugiero|sugerir|propuestas?|seria (?:genial|util|bueno|estupendo)|comentarios? sobre",
            r"\w*vorschl\w+|ideen?|anregung\w*|verbesserung\w*|wunschliste|funktionswunsch\w*|(?:ware|fande) (?:es )?(?:\w+ ){0,2}(?:schon|toll|gut|super|hilfreich)|ruckmeldung\w*",
            r"suggestions? d\w+|suggere\w*|idees?|propositions?|il serait (?:bien|utile|pratique|genial)|ce serait (?:bien|utile|pratique|genial)|retours? d'experience",
            r"sugest(?:ao|oes)|sugiro|ideias?|seria (?:otimo|legal|bom|util)|propostas?",
            r"suggeriment[oi]|suggerire|idee|propost[ae]|sarebbe (?:bello|utile|comodo|ottimo)",
            r"sujhav|sujhaav|salah|(?:accha|acha|achha|behtar) hota (?:agar)?",
        ),
    }
)
_OTHERWISE = "technical"


def category_of(text: str) -> str:
    """Returns the category of what a customer wrote: billing, bug_report, feedback or technical."""
    folded = fold(text)
    return next(
        (name for name, words in CATEGORY_WORDS.items() if words.search(folded)), _OTHERWISE
    )
