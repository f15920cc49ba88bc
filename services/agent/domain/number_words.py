"""Number words and the units that they count, folded, for seven languages; Hindi as it is written in Latin script."""

from collections.abc import Mapping

from services.agent.domain.terms import word_set

_HINDI_FROM_ELEVEN = (
    "gyarah barah terah chaudah pandrah solah satrah atharah unnis bees ikkis bais teis chaubis pachees chhabbis "
    "sattais athais untis tees ikattis battis taintis chauntis paintis chhattis saintis adtis untalis chalis "
    "iktalis bayalis taintalis chauvalis paintalis chhiyalis saintalis adtalis unchaas pachaas ikyavan bavan "
    "tirpan chauvan pachpan chhappan sattavan athavan unsath saath iksath basath tirsath chausath painsath "
    "chhiyasath sadsath adsath unhattar sattar ikhattar bahattar tihattar chauhattar pachhattar chhihattar "
    "satattar athhattar unasi assi ikyasi bayasi tirasi chaurasi pachasi chhiyasi satasi athasi navasi nabbe "
    "ikyanve banve tiranve chauranve pachanve chhiyanve sattanve athanve ninyanve"
)
NUMBER_WORDS: Mapping[str, Mapping[str, int]] = {
    "en": {
        "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9, "ten": 10,
        "eleven": 11, "twelve": 12, "thirteen": 13, "fourteen": 14, "fifteen": 15, "sixteen": 16, "seventeen": 17,
        "eighteen": 18, "nineteen": 19, "twenty": 20, "thirty": 30, "forty": 40, "fifty": 50, "sixty": 60,
        "seventy": 70, "eighty": 80, "ninety": 90, "hundred": 100, "thousand": 1000, "million": 1_000_000,
        "dozen": 12, "couple of": 2,
    },
    "es": {
        "dos": 2, "tres": 3, "cuatro": 4, "cinco": 5, "seis": 6, "siete": 7, "ocho": 8, "nueve": 9,
        "diez": 10, "once": 11, "doce": 12, "trece": 13, "catorce": 14, "quince": 15, "dieciseis": 16,
        "diecisiete": 17, "dieciocho": 18, "diecinueve": 19, "veinte": 20, "veintiun": 21, "veintiuno": 21, "veintidos": 22,
        "veintitres": 23, "veinticuatro": 24, "veinticinco": 25, "veintiseis": 26, "veintisiete": 27, "veintiocho": 28, "veintinueve": 29, "treinta": 30, "cuarenta": 40, "cincuenta": 50,
        "sesenta": 60, "setenta": 70, "ochenta": 80, "noventa": 90, "cien": 100, "ciento": 100, "doscientos": 200,
        "trescientos": 300, "cuatrocientos": 400, "quinientos": 500, "seiscientos": 600, "setecientos": 700, "ochocientos": 800, "novecientos": 900, "mil": 1000, "millon": 1_000_000, "millones": 1_000_000,
    },
    "de": {
        "eins": 1, "einund": 1, "einhundert": 100, "zwei": 2, "drei": 3, "vier": 4, "funf": 5, "sechs": 6, "sieben": 7, "acht": 8,
        "neun": 9, "zehn": 10, "elf": 11, "zwolf": 12, "dreizehn": 13, "vierzehn": 14, "funfzehn": 15,
        "sechzehn": 16, "siebzehn": 17, "achtzehn": 18, "neunzehn": 19, "zwanzig": 20, "dreissig": 30,
        "dreiszig": 30, "vierzig": 40, "funfzig": 50, "sechzig": 60, "siebzig": 70, "achtzig": 80, "neunzig": 90,
        "hundert": 100, "tausend": 1000, "million": 1_000_000, "millionen": 1_000_000, "fuenf": 5, "zwoelf": 12,
        "fuenfzehn": 15, "fuenfzig": 50,
    },
    "fr": {
        "deux": 2, "trois": 3, "quatre": 4, "cinq": 5, "six": 6, "sept": 7, "huit": 8, "neuf": 9,
        "dix": 10, "onze": 11, "douze": 12, "treize": 13, "quatorze": 14, "quinze": 15, "seize": 16, "vingt": 20,
        "trente": 30, "quarante": 40, "cinquante": 50, "soixante": 60, "quatre-vingt": 80, "quatre-vingts": 80,
        "cent": 100, "cents": 100, "mille": 1000, "million": 1_000_000, "millions": 1_000_000, "huitaine de": 8,
        "quinzaine de": 15,
    },
    "pt": {
        "dois": 2, "duas": 2, "tres": 3, "quatro": 4, "cinco": 5, "seis": 6, "sete": 7, "oito": 8, "nove": 9,
        "dez": 10, "onze": 11, "doze": 12, "treze": 13, "catorze": 14, "quatorze": 14, "quinze": 15,
        "dezesseis": 16, "dezasseis": 16, "dezessete": 17, "dezoito": 18, "dezenove": 19, "vinte": 20, "trinta": 30,
        "quarenta": 40, "cinquenta": 50, "sessenta": 60, "setenta": 70, "oitenta": 80, "noventa": 90, "cem": 100,
        "cento": 100, "duzentos": 200, "trezentos": 300, "quatrocentos": 400, "quinhentos": 500, "seiscentos": 600, "setecentos": 700, "oitocentos": 800, "novecentos": 900, "mil": 1000, "milhao": 1_000_000, "milhoes": 1_000_000,
    },
    "it": {
        "due": 2, "tre": 3, "quattro": 4, "cinque": 5, "sei": 6, "sette": 7, "otto": 8, "nove": 9,
        "dieci": 10, "undici": 11, "dodici": 12, "tredici": 13, "quattordici": 14, "quindici": 15, "sedici": 16,
        "diciassette": 17, "diciotto": 18, "diciannove": 19, "venti": 20, "trenta": 30,
        "quaranta": 40, "cinquanta": 50, "sessanta": 60, "settanta": 70, "ottanta": 80, "novanta": 90,
        "vent": 20, "trent": 30, "quarant": 40, "cinquant": 50, "sessant": 60, "settant": 70, "ottant": 80, "novant": 90, "uno": 1, "cento": 100, "mille": 1000, "mila": 1000,
        "milione": 1_000_000, "milioni": 1_000_000,
    },
    "hi": {
        "ek": 1, "do": 2, "teen": 3, "tin": 3, "char": 4, "chaar": 4, "panch": 5, "paanch": 5, "chhe": 6, "che": 6,
        "chhah": 6, "saat": 7, "sat": 7, "aath": 8, "nau": 9, "das": 10, "dus": 10, "bis": 20, "pachis": 25, "tis": 30,
        "chaalis": 40, "pachas": 50, "unchas": 49, "sau": 100, "hazar": 1000, "hazaar": 1000, "lakh": 100_000,
        "crore": 10_000_000, **{word: number for number, word in enumerate(_HINDI_FROM_ELEVEN.split(), start=11)},
    },
}  # fmt: skip
# What number words mean in a sentence of another language, or as an article: telling only before a unit.
_AMBIGUOUS = word_set(
    "once six sept cent cents mil mille mila million sei due do das dus sat che char tin bis tis saath sau elf acht dix "
    "neuf tre nove sette otto quince"
)

_COMMON = {
    "percent": r"%|‰|percent|per cent|pct",
    "kilobyte": r"kib|kb",
    "megabyte": r"mib|mb|megabytes?",
    "gigabyte": r"gib|gb|gigabytes?",
    "terabyte": r"tib|tb|terabytes?",
}
UNITS: Mapping[str, Mapping[str, str]] = {
    "en": {
        **_COMMON, "second": r"seconds?|secs?", "minute": r"minutes?|mins?", "hour": r"hours?|hrs?|h",
        "day": r"days?|nights?|(?:business|work)days?", "week": r"weeks?|wks?", "month": r"months?", "quarter": r"quarters?",
        "year": r"years?|yrs?", "user": r"users?|people|members?", "seat": r"seats?|licen[cs]es?",
        "times": r"times|x|fold",
    },
    "es": {
        **_COMMON, "percent": r"%|por ?cien(?:to)?", "second": r"segundos?", "minute": r"minutos?", "hour": r"horas?",
        "day": r"dias?", "week": r"semanas?", "month": r"mes(?:es)?", "quarter": r"trimestres?", "year": r"anos?",
        "user": r"usuarios?|personas?", "seat": r"licencias?|plazas?", "times": r"veces",
    },
    "de": {
        **_COMMON, "percent": r"%|prozent\w*", "second": r"sekunden?", "minute": r"minuten?", "hour": r"stunden?|std",
        "day": r"(?:arbeits|werk|kalender)?tage?n?", "week": r"wochen?", "month": r"monate?n?|monats",
        "quarter": r"quartale?n?", "year": r"jahre?n?|jahres", "user": r"(?:be)?nutzern?|personen",
        "seat": r"lizenzen|platze", "times": r"mal",
    },
    "fr": {
        **_COMMON, "percent": r"%|pour ?cents?", "second": r"secondes?", "minute": r"minutes?", "hour": r"heures?",
        "day": r"jours?", "week": r"semaines?", "month": r"mois", "quarter": r"trimestres?", "year": r"ans?|annees?",
        "user": r"utilisateurs?|personnes?", "seat": r"licences?|places?", "times": r"fois",
    },
    "pt": {
        **_COMMON, "percent": r"%|por ?cento", "second": r"segundos?", "minute": r"minutos?", "hour": r"horas?",
        "day": r"dias?", "week": r"semanas?", "month": r"mes(?:es)?", "quarter": r"trimestres?", "year": r"anos?",
        "user": r"usuarios?|pessoas?|utilizadores", "seat": r"licencas?", "times": r"vezes",
    },
    "it": {
        **_COMMON, "percent": r"%|per ?cento", "second": r"second[oi]", "minute": r"minut[oi]", "hour": r"or[ae]",
        "day": r"giorn[oi]|giornate", "week": r"settiman[ae]", "month": r"mes[ei]", "quarter": r"trimestr[ei]",
        "year": r"ann[oi]", "user": r"utent[ei]|persone", "seat": r"licenz[ae]", "times": r"volte",
    },
    "hi": {
        **_COMMON, "percent": r"%|pratishat|fisadi|feesadi|percent", "second": r"seconds?|sekand",
        "minute": r"minutes?|minat|minute", "hour": r"ghant[aeo]n?|hours?", "day": r"din(?:on)?|days?",
        "week": r"haft[aeo]n?|weeks?", "month": r"mahin[aeo]n?|months?", "quarter": r"timahi", "year": r"saal|years?",
        "times": r"guna|baar",
    },
}  # fmt: skip

_HUNDRED = 100
_JOINTS = ("und", "and ", "y ", "et ", "e ")


def value_of(text: str, language: str) -> int:
    """Reads a number in words of one language."""
    known = NUMBER_WORDS[language]
    if text in known:
        return known[text]
    total = current = 0
    for word in _words(text, language):
        value = known[word]
        if value < _HUNDRED:
            # "quatre-vingt-dix" and "soixante-dix" add up; so does "funf" before "zwanzig".
            current += value
        elif value == _HUNDRED:
            current = max(current, 1) * value
        elif value < 1000:  # noqa: PLR2004
            current += value
        else:
            total, current = total + max(current, 1) * value, 0
    return total + current


def is_ambiguous(text: str) -> bool:
    """Tells whether a number word means something else where no unit follows."""
    return text in _AMBIGUOUS


def _words(text: str, language: str) -> list[str]:
    """Cuts "zweihundert" and "quatre-vingt-dix" into known words, longest first; what joins them falls away."""
    known = NUMBER_WORDS[language]
    found: list[str] = []
    rest = text
    while rest:
        size = next((n for n in range(len(rest), 0, -1) if rest[:n] in known), 0)
        if size:
            found.append(rest[:size])
        else:
            size = next((len(joint) for joint in _JOINTS if rest.startswith(joint)), 1)
        rest = rest[size:]
    return found
