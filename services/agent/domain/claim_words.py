"""Words by which a text commits the company to something, by kind, in seven languages, folded.

Wide on purpose: a word here is no fault by itself, it only has to stand in the documentation that is cited.
The order of the languages is English, Spanish, German, French, Portuguese, Italian, Hindi in Latin script.
"""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

import regex


class ClaimKind(StrEnum):
    """What a sentence commits the company to."""

    REFUND = "a refund or compensation"
    BARGAIN = "a price, a discount or something for free"
    GUARANTEE = "a guarantee"
    PROMISE = "something that we will do"
    DEED = "something that was done for the customer"
    DEADLINE = "a time"
    POLICY = "a policy, a right or a contract"


def _words(*sources: str) -> "regex.Pattern[str]":
    return regex.compile(rf"(?<!\w)(?:{'|'.join(sources)})(?!\w)")


CLAIM_WORDS: Mapping[ClaimKind, "regex.Pattern[str]"] = MappingProxyType(
    {
        ClaimKind.REFUND: _words(
            r"refund\w*|reimburs\w*|money[\s-]back|(?:your|the|all|full|of) (?:money|cash|payment)(?: \w+){0,3} (?:back|returned)|"
            r"(?:give|pay|send|return|wire|transfer)(?:s|ed|ing)?(?: \w+){0,3} (?:back|money|payment)|charge ?backs?|"
            r"compensat\w*|indemni\w*|"
            r"(?:goodwill|account|service|store) credits?|credit (?:you|your)|credited|paid? back|cash ?back|damages|vouchers?|"
            r"revers\w+ (?:the|your|this|that) (?:charge|payment)|(?:your|the) (?:money|cash)",
            r"reembols\w*|reintegr\w*|(?:su|tu|el) dinero|devol\w+ (?:(?:de|el|tu|su|lo|del|al|integra|completa|le|te|todo) )*(?:dinero|importe|pago|pagado|compra)|"
            r"(?:el|tu|su) dinero de vuelta|compens\w+|indemniz\w*|abonar\w* (?:en|a|el|la|su|tu)|abono",
            r"\w*erstatt\w*|ruckzahlung\w*|(?:ihr|dein|das) geld|geld[\s-]?zuruck\w*|(?:geld|betrag|zahlung|kosten|preis)(?: \w+){0,4} zuruck\w*|zuruck(?:zahl|uberweis|gezahl|zuzahl)\w*|"
            r"entschadig\w*|gutschrift\w*|gutgeschrieben|schaden[es]?rsatz|kulanz\w*|wiedergutmachung",
            r"rembours\w*|(?:votre|ton|l')\s?argent|(?:rend\w*|restitu\w*|revers\w*|recredit\w*)(?: \w+){0,3} (?:argent|somme|montant|paiement)|dedommag\w*|"
            r"indemnis\w*|avoir (?:sur|de)|note de credit|geste commercial|recredit\w*",
            r"reembols\w*|estorn\w*|(?:seu|o) dinheiro|devol\w+ (?:(?:o|do|seu|de|todo|seus|valor) )*(?:dinheiro|valor|pagamento|pago)|dinheiro de volta|"
            r"ressarc\w*|indeniz\w*|indemniz\w*|restitu\w+",
            r"rimbors\w*|(?:i|suoi|tuoi) soldi|(?:suo|tuo|il) denaro|(?:soldi|denaro|importo) (?:\w+ )?indietro|restitu\w+|risarc\w*|indennizz\w*|riaccredit\w*|storn\w+|"
            r"ridiamo (?:i|il|tutti)|ridaremo",
            r"(?:aapka|aapke|apka|poora|poore|tumhara) (?:poora )?(?:paisa|paise)|(?:paisa|paise|paisey|paiso|rakam|rashi|bhugtan)(?: \w+){0,4} (?:wapas|vapas|waapas|lauta\w*|return)|"
            r"(?:wapas|vapas|waapas)(?: \w+){0,3} (?:paisa|paise)|muavza|muaavza|harjana|lauta (?:de|di)\w*",
        ),
        ClaimKind.BARGAIN: _words(
            r"(?:is|are|at|was|comes?|include\w*|yours?|get|for|you|absolutely|totally|completely|now|month|year|week|trial|"
            r"users?|seats?|plan|upgrade|lifetime|everything|it) free|free (?:of (?:charge|cost)|trial|month|year|week|upgrade|plan|seats?|"
            r"users?|licen[cs]es?|account|access|period|gift|service|support|extension|storage|add-?ons?)|freebie|(?:no|zero|without|any) "
            r"(?:extra |additional |further |hidden )?(?:charges?|costs?|fees?|payment)|costs? (?:you )?(?:nothing|only|just|less)|"
            r"pay (?:nothing|only|just|less)|don't (?:have to )?pay|complimentary|on the house|on us|discount\w*|rebate\w*|reduc\w+ (?:rate|price|fee)|"
            r"(?:half|lower|reduced|special|best|fixed|flat|sale|list|unit|new|old) (?:price|rate|fee|cost)s?|half off|(?:a third|a quarter|percent|%) off|"
            r"half as much|(?:price|cost|fee|rate)s? (?:is|are|of|at|will|has|have|drops?|stays?|starts?|goes)|prices?|pricing|priced|fees?|costs?|"
            r"cheap\w*|promo(?:tion)?s?|promo ?codes?|coupons?|vouchers?|bargains?|deals?|special offers?|offer you|gift|gratis|"
            r"waiv\w+|bonus\w*|invoice (?:is|was|has been|will be) (?:cancel|void|waiv|reduc|correct|adjust)\w*|two for one|2 for 1|buy one|"
            r"surcharge\w*|(?:you|they|customers|everybody) pays?|(?:owe|owes|owed)|not? (?:be )?(?:billed|charged)|(?:charge|bill) (?:you|nothing)|nothing (?:is|will be) (?:charged|billed|due)|(?:will|shall|can|is|are|be|not|never|get) (?:be )?(?:billed|charged)|"
            r"charge (?:you|your|only|per|of|nothing)|per (?:seat|user|licen[cs]e) (?:per|a|each)",
            r"gratis|gratuit\w*|sin (?:coste|costo|cargo|pagar|gastos)\w*|descuent\w*|rebaj\w*|a mitad de precio|mitad (?:de|del) precio|"
            r"precios?|cuesta\w*|costar\w*|tarifas?|cuotas?|cupon\w*|promocion\w*|ofert\w+|regal\w+|mas barat\w+|bonificac\w*|no (?:paga|cobra|cobrar)\w*|cobr(?:amos|aremos|o|are|an)|pag(?:a|as|ara|aras|an|ue)",
            r"kostenlos\w*|kostenfrei\w*|gratis|umsonst|geb?uhrenfrei\w*|ohne (?:auf)?(?:kosten|preis|gebuhr|berechnung)\w*|rabatt\w*|"
            r"nachlass\w*|preisnachlass\w*|(?:halbe\w*|halber|reduziert\w*) preis\w*|preis\w*|kostet|kosten|gebuhr\w*|gutschein\w*|"
            r"vergunstig\w*|billiger|gunstiger|geschenk\w*|schenk\w*|sonderangebot\w*|angebot\w*|aktionspreis|erlassen|zum nulltarif|nulltarif|(?:berechn|verrechn)(?:en|e|et)|(?:sie|du) (?:be)?zahlen|(?:be)?zahl(?:en|st) (?:sie|du)|in rechnung|schuld(?:en|est)",
            r"gratuit\w*|offert\w*|sans (?:frais|cout|payer|supplement)\w*|remises?|rabais|reduction\w*|(?:moitie|demi)[\s-](?:prix|tarif)|"
            r"prix|tarifs?|coute\w*|couts?|frais|bons? d'achat|codes? promo|promotion\w*|moins cher\w*|cadeau\w*|offrons|offrir\w*|factur(?:ons|erons|ez|era|e rien)|(?:vous )?pay(?:ez|erez)|paie(?:rez)?|debit(?:ons|erons)|(?:vous )?devez rien",
            r"gratis|gratuit\w*|de graca|sem (?:custo|cobranca|pagar|taxa)\w*|descont\w*|metade do preco|precos?|custa\w*|custos?|"
            r"tarifas?|taxas?|cupo[mn]\w*|promoc\w*|ofert\w+|brindes?|cobr(?:amos|aremos|o|arei|ada|ado|am)|pag(?:a|as|ara|am|ue)|deve nada|mais barat\w+|bonific\w+|presente",
            r"gratis|gratuit\w*|senza (?:costi|costo|spese|pagare|alcun costo)\w*|omaggio|scont\w*|meta (?:del )?prezzo|prezz\w*|"
            r"costa|costano|costera\w*|tariff\w*|canone|buon[oi] (?:sconto|regalo|acquisto)|promozion\w*|offert\w*|regal\w+|addebit\w+|(?:lei |tu )?pag(?:a|hi|hera|herai|ate)|deve nulla|"
            r"piu economic\w+|meno car\w+",
            r"muft|mufat|free (?:mein|me|hai|milega|milegi|me[in]n|rahega|diya|kar)|bina (?:paise|kisi charge|kisi kharch|charge|paisa|paison)\w*|"
            r"(?:koi|zero) (?:charge|paisa|fees?|kharch\w*)|chhoot|chhut|choot|riyayat|aadhe? (?:daam|dam|keemat|kimat|price|rate)|keemat|kimat|daam|"
            r"kharch\w*|sasta|saste|sasti|inaam|tohfa|uphaar|(?:dena|dene|chukana|bharna) (?:hoga|honge|padega|padenge)",
        ),
        ClaimKind.GUARANTEE: _words(
            r"guarant\w*|warrant(?:y|ies|ed)|promis\w*|pledg\w*|assur\w*|you have my word|(?:my|our) word|commit(?:s|ted|ment|ments)?|rest assured|"
            r"without (?:fail|exception)|under any circumstances|no matter what|100% (?:sure|certain|secure|uptime)|sla|binding|vow",
            r"garant\w*|promet\w*|promesa\w*|asegur\w*|le doy mi palabra|sin falta|compromet\w*|compromiso\w*",
            r"garant\w*|versprech\w*|versprich\w*|versproch\w*|zusicher\w*|zugesichert|zusag\w*|verbindlich\w*|gewahrleist\w*|ehrenwort|auf jeden fall",
            r"garant\w*|promet\w*|promis|promesse\w*|assur(?:e|ons|ez|ance)|engag(?:eons|ement|ements)|sans faute|parole",
            r"garant\w*|promet\w*|promessa\w*|assegur\w*|compromet\w*|compromisso\w*|sem falta",
            r"garant\w*|promett\w*|promess\w*|assicur\w*|impegn\w*|senza fallo|parola",
            r"guarantee\w*|vaada|vada|waada|wada|pakka|zaroor|bharosa|nishchit|gaaranti|garanti|shart",
        ),
        ClaimKind.PROMISE: _words(
            r"(?:we|i|our (?:team|engineers?|developers?|colleagues?|support|staff|manager|ceo|company|specialists?)|(?:an?|the|my) "
            r"(?:colleague|engineer|specialist|manager|person|technician|agent|team))(?:'ll| will| shall| are going to| is going to|'m going to|'re going to| am going to)"
            r"(?! (?:explain|show|walk|guide|list|describe|be (?:happy|glad)))",
            r"(?:we|i|our team)(?:'d| would| can| could| may| might)? (?:be (?:happy|glad) to |happily |gladly |also )?(?:give|grant|offer|provide|extend|add|"
            r"upgrade|cancel|delete|fix|repair|deliver|ship|release|arrange|approve|waive|credit|send|call|match|replace|increase|raise|unlock|prolong|double) (?:you|your|it|this|that|the)",
            r"you(?:'ll| will| shall| are going to|'re going to)(?: also| soon| then)? (?:get|receive|have|be (?:given|sent|granted|paid|able|upgraded|contacted|called)|"
            r"keep|hear|enjoy|never|not (?:be|have|need|lose))|let me (?:give|grant|offer|extend|cancel|approve|upgrade|arrange)|"
            r"(?:will|shall|is|are|be) (?:be |being )?(?:fixed|repaired|released|shipped|delivered|resolved|extended|upgraded|restored|available|launched|rolled out|added) "
            r"(?:soon|shortly|for you|to|by|in|within|on|this|next|before|tomorrow|today)",
            r"\w+(?:aremos|eremos|iremos)|(?:vamos|voy) a(?! (?:ver|explic)\w*)|(?:recibir|obtendr|tendr|podr|ser|har|enviar|dar|arreglar)(?:a|as|an|e|emos)|"
            r"(?:le|te|les|os) (?:damos|doy|enviamos|envio|concedemos|ofrecemos|regalamos|devolvemos|arreglamos|ampliamos)",
            r"(?:wir|ich|unser team|unsere \w+|ein(?:e|er)? \w+) (?:werden?|wird)(?! (?:ihnen )?(?:erklar|zeig)\w*)|"
            r"(?:sie|du) (?:werden|wirst|bekommen|bekommst|erhalten|erhaltst|kriegst|kriegen)|(?:ihnen|dir|euch) (?:werden|wird) \w+|wird (?:\w+ ){0,4}(?:behoben|geliefert|freigeschaltet|verlangert|veroffentlicht)|"
            r"(?:wir|ich) (?:geben|gebe|gewahren|gewahre|schenken|schenke|senden|sende|schicken|schicke|verlangern|verlangere|beheben|behebe|liefern|kummern|kummere|ersetzen|ersetze|bieten|biete|stornieren|storniere|losen|lose|richten|erhohen|erhohe|rufen|melden)",
            r"\w+(?:erons|irons|drons|rrons)|(?:nous allons|je vais|on va)(?! (?:vous )?(?:expliqu|montr)\w*)|vous (?:allez )?(?:recevrez|recevoir|obtiendrez|obtenir|aurez|avoir|pourrez|serez)|"
            r"je (?:vous )?\w+(?:erai|irai|drai)|(?:sera|seront) (?:corrige|livre|repare|disponible|publie|prolonge|resolu)\w*|(?:nous )?vous (?:offrons|accordons|donnons|envoyons)|je vous (?:offre|accorde|donne|envoie)|"
            r"notre equipe (?:va|vous)",
            r"(?:nos )?vamos(?! (?:ver|explic)\w*)|vou (?:dar|enviar|conceder|oferecer|liberar|corrigir|resolver|estender|cancelar)|voce (?:vai|ira|recebera|tera|podera|ganha\w*)|"
            r"(?:recebera|tera|podera|enviarei|darei|faremos|daremos|sera|serao)\w*|(?:lhe|te) (?:damos|dou|enviamos|oferecemos)|nossa equipe (?:vai|ira)",
            r"\w+(?:eremo|iremo|aremo)|(?:ricevera|otterra|avra|potra|saranno)(?:i|nno)?|ricever\w+|le (?:diamo|daro|invio|inviero|concediamo|offriamo|offro)|ti (?:diamo|do|offriamo|offro|invio)|"
            r"\w{3,}(?:ero|iro) (?:il|la|lo|le|i|gli|un|una|personalmente|entro)|(?:verra|verranno) \w+|stiamo per",
            r"(?:hum|ham|main|mai|hamari team|humari team)(?: \w+){0,8} \w+(?:enge|engi|unga|ungi|oonga|oongi|ungaa)|\w*(?:denge|karenge|bhejenge|dunga|doonga|karunga|karoonga|bhejunga|dilwa\w*|dila)|"
            r"(?:aapko|apko|tumhe|aap ko)(?: \w+){0,8} (?:mil\w*|diya|di|diye|denge|jayega|jayegi|jaega|jaegi|jaayega|jaayegi)|ho (?:jayega|jayegi|jaega|jaayega|jaegi)",
        ),
        ClaimKind.DEED: _words(
            r"(?:i|we)(?:'ve| have| just| already|'ve just|'ve already| have just| have already| went ahead and|'ve gone ahead and)+ (?!not |found |seen |read |understood |looked |noticed |no |received )\w+|"
            r"(?:i|we) (?:approved|extended|upgraded|cancelled|canceled|deleted|reset|granted|issued|processed|waived|credited|applied|activated|unlocked|changed|updated|escalated|forwarded|sent|added|increased|removed|fixed)|"
            r"(?:has|have) (?:now |already |just )?been (?:approved|extended|upgraded|cancelled|canceled|granted|issued|processed|waived|credited|applied|activated|unlocked|increased|escalated|forwarded|confirmed|reserved|prolonged)",
            r"(?:he|hemos) (?!encontrado|visto|leido|entendido|podido)\w+(?:ado|ido|echo|uesto|ito)|ha sido (?:aprobad|procesad|ampliad|cancelad|aplicad|concedid)\w*",
            r"(?:habe|haben)(?! (?:wir |ich )?(?:nicht|keine?n?) )(?: \w+){1,8} (?:genehmigt|verlangert|storniert|geloscht|zuruckgesetzt|freigeschaltet|aktiviert|gekundigt|veranlasst|erledigt|bearbeitet|erhoht|weitergeleitet|gutgeschrieben|hinterlegt|gewahrt)|"
            r"(?:ist|sind|wurde|wurden)(?: \w+){0,5} (?:genehmigt|verlangert|storniert|gutgeschrieben|freigeschaltet|bewilligt|aktiviert)",
            r"(?:j'ai|nous avons)(?: bien| deja)? (?!trouve|vu|lu|compris|pas)\w+(?:e|i|u|is|it)(?: (?:votre|le|la|les|une?|ce))|a ete (?:approuve|traite|prolonge|annule|accorde|valide|applique)\w*",
            r"(?:ja|eu|nos)? ?(?:aprovei|aprovamos|estendi|estendemos|cancelei|cancelamos|concedi|concedemos|liberei|liberamos|apliquei|aplicamos|processei|processamos|ativei|ativamos)|foi (?:aprovad|estendid|cancelad|concedid|processad|aplicad)\w*",
            r"(?:ho|abbiamo)(?: gia| appena)? (?!trovato|visto|letto|capito|non)\w+(?:ato|ito|uto|esso|eso) (?:il|la|lo|le|i|gli|un|una|tuo|suo|al|alla)|e stat[oa] (?:approvat|prolungat|annullat|concess|applicat|elaborat)\w*",
            r"(?:kar|de|bhej|badha|hata|laga) (?:diya|di|diye|dia) (?:hai|gaya|gayi|he|h)|ho (?:gaya|gayi|chuka|chuki) hai|manzoor|manjoor|approve (?:kar|ho)\w*",
        ),
        ClaimKind.DEADLINE: _words(
            r"tomorrow|tonight|today|overnight|by (?:the )?(?:end|close|noon|midnight|morning|evening|weekend|then)|(?:next|this|coming|following) (?:\w+ )?(?:week|weekend|month|release|quarter|year|version|sprint)|"
            r"(?:within|in|after|for|before) (?:just |only |less than |at most |about )?(?:the |an? |one |half an? |a few |few |several |some |a couple of )(?:next |coming |more |further |following )?(?:few )?(?:minute|hour|day|week|fortnight|month|quarter|year)s?|"
            r"fortnight|(?:very )?soon|shortly|any (?:minute|moment|day) now|right away|in no time|before long|(?:new year|christmas|easter)|(?:mon|tues|wednes|thurs|fri|satur|sun)days?",
            r"(?:para|hasta|desde|antes de|a partir de) manana|manana (?:mismo|a|por|estara|le|te|lo|la)|\Amanana|esta (?:noche|tarde|semana)|hoy(?: mismo)?|(?:la|el) (?:proxim[ao]|siguiente) \w+|(?:en|dentro de) (?:un|una|unos|unas|pocos|pocas) \w+|pronto|en breve|lunes|martes|miercoles|jueves|viernes|sabado|domingo|fin de (?:semana|mes|ano)|navidad",
            r"(?<!guten )morgen(?: fruh| abend)?|ubermorgen|heute(?: noch| abend)?|(?:nachste|kommende|diese)[rnsm]? (?:woche|monat|quartal|jahr|version|release|tag)\w*|(?:in|binnen|innerhalb|nach) (?:von )?(?:eine[rsmn]?|wenigen|ein paar|kurzer|kurze) \w+|(?:in )?kurze|bald|demnachst|umgehend|(?:mon|diens|donners|frei|sams|sonn)tags?|mittwochs?|(?:wochen|monats|jahres|quartals)ende|weihnachten",
            r"demain|apres-demain|ce soir|aujourd'hui|(?:la semaine|le mois|le trimestre|l'annee) prochaine?s?|prochaine? (?:semaine|mois|version)|(?:dans|sous|d'ici) (?:une?|quelques|peu|la|le|les|deux)(?: \w+)?|bientot|prochainement|sous peu|lundi|mardi|mercredi|jeudi|vendredi|samedi|dimanche|fin (?:de|du) \w+|noel",
            r"amanha|hoje|esta (?:noite|semana)|(?:n?[ao] )?(?:proxim[ao]|semana que vem|mes que vem)(?: \w+)?|(?:em|dentro de|daqui a) (?:uma?|poucos|poucas|alguns|algumas) \w+|em breve|segunda-feira|terca-feira|quarta-feira|quinta-feira|sexta-feira|sabado|domingo|fim (?:de|do) (?:semana|mes|ano)|natal",
            r"domani|dopodomani|stasera|oggi(?: stesso)?|(?:la )?(?:prossim[ao]|settimana prossima|mese prossimo)(?: \w+)?|(?:entro|fra|tra|in) (?:un|una|un'|pochi|poche|qualche|il|la|le|breve)[ ']?\w+|presto|a breve|lunedi|martedi|mercoledi|giovedi|venerdi|sabato|domenica|fine (?:settimana|mese|anno)|natale",
            r"kal(?: tak| subah| shaam)?|parso|parson|aaj(?: hi| raat| shaam)?|agl[ei] (?:haft[ae]|mahin[ae]|saal|release|week|month)|(?:ek|kuch|do) (?:ghante|din|haft[ae]|mahin[ae]) (?:mein|me|main|ke andar|tak)|jald(?:i)?|turant|somvaar|somwar|mangalvaar|budhvaar|guruvaar|shukravaar|shanivaar|ravivaar|itvaar|diwali",
        ),
        ClaimKind.POLICY: _words(
            r"(?:our|the|company|this|cancellation|return|refund|privacy|fair[\s-]use) polic(?:y|ies)|(?:terms|conditions) (?:of|and|say|state|allow|guarantee)|entitle\w*|eligib\w+|(?:you have|your|legal|statutory) rights? to|legal(?:ly)?|by law|gdpr|liab\w+|"
            r"contract\w*|(?:notice|cancellation|trial|grace|cooling[\s-]off) period|terminat\w+|cancel (?:at )?any ?time|no questions asked|exempt\w*|exception for you|lifetime|forever|unlimited|for life|permanent\w*|certifi\w+|complian\w+|accredit\w+|iso ?\d+|soc ?2|hipaa",
            r"(?:nuestra|la) politica(?: de)?|tiene derecho|derecho a|contrat\w*|terminos y condiciones|legal\w*|por ley|ilimitad\w*|de por vida|para siempre|responsab\w+|periodo de prueba|en cualquier momento",
            r"(?:unsere[rnms]?|die|eine|laut|nach|gemass) \w*(?:richtlinie|regelung|kulanzregel)\w*|anspruch\w*|berechtigt\w*|recht auf|vertrag\w*|gesetzlich\w*|rechtlich\w*|agb|unbegrenzt\w*|lebenslang\w*|fur immer|haft\w+|kundigungsfrist\w*|jederzeit (?:\w+ ){0,3}kundigen|jederzeit kundbar|kundbar|probezeit\w*|testphase|datenschutzkonform|zertifizier\w*",
            r"(?:notre|la) politique(?: de)?|(?:avez|le) droit|droit a|contrat\w*|conditions generales|legal\w*|par la loi|illimite\w*|a vie|pour toujours|responsab\w+|periode d'essai|a tout moment|certifi\w+",
            r"(?:nossa|a) politica(?: de)?|tem direito|direito a|contrat\w*|termos e condicoes|legal\w*|por lei|ilimitad\w*|vitalici\w*|para sempre|responsab\w+|periodo de teste|a qualquer momento|certific\w+",
            r"(?:la )?nostra politica|politica (?:di|aziendale)|(?:ha|hai) diritto|diritto (?:a|al|di)|contratt\w*|termini e condizioni|legal\w*|per legge|illimitat\w*|a vita|per sempre|responsabil\w+|periodo di prova|in qualsiasi momento|certificat\w+",
            r"niti|policy|adhikar|haq|haqdaar|hakdar|kanoon\w*|kanuni|anubandh|contract|hamesha|aajeevan|umar bhar|jeevan bhar|unlimited|lifetime|seemit nahi|zimmedari|jimmedari",
        ),
    }
)  # fmt: skip

_MONTH_NAMES = (
    "january|enero|januar|janner|janvier|janeiro|gennaio|janvari",
    "february|febrero|februar|fevrier|fevereiro|febbraio|farvari",
    "march|marzo|marz|maerz|mars|marco",
    "april|abril|avril|aprile",
    "may|mayo|mai|maio|maggio",
    "june|junio|juni|juin|junho|giugno|joon",
    "july|julio|juli|juillet|julho|luglio|julai",
    "august|agosto|aout|agast",
    "september|septiembre|septembre|setembro|settembre|sitambar",
    "october|octubre|oktober|octobre|outubro|ottobre|aktubar",
    "november|noviembre|novembre|novembro|navambar",
    "december|diciembre|dezember|decembre|dezembro|dicembre|disambar",
)
MONTHS: Mapping[str, int] = MappingProxyType(
    {name: place for place, names in enumerate(_MONTH_NAMES, start=1) for name in names.split("|")}
)
# Words of everyday use, or a person's name: a date only beside a number or after a preposition.
DOUBTFUL_MONTHS = frozenset({"may", "march", "mars", "marco", "august"})
