"""Words of mood in seven languages, with weights from -4 to 4, folded.

Anger and insult are not listed: the escalation rules know their signs.
"""

from dataclasses import dataclass

from services.agent.domain.terms import word_set


@dataclass(frozen=True, slots=True)
class MoodWords:
    """Words by strength, and those that turn round or strengthen what follows them."""

    awful: frozenset[str]
    annoyed: frozenset[str]
    trouble: frozenset[str]
    content: frozenset[str]
    delighted: frozenset[str]
    negations: frozenset[str]
    intensifiers: frozenset[str]


ALL: tuple[MoodWords, ...] = (
    MoodWords(  # English
        awful=word_set("awful terrible horrible unacceptable ridiculous useless hate worst appalling dreadful insane stupid angry"),
        annoyed=word_set("annoyed annoying frustrated frustrating disappointed disappointing upset unhappy tired waste wasted bad poor complaint ugh irritating impatient"),
        trouble=word_set("broken fails failed failing error errors problem problems issue issues bug crash crashes wrong lost missing locked stuck slow unable confusing confused impossible"),
        content=word_set("thanks thank thx good nice happy pleased helpful works worked solved appreciate glad easy cheers ty"),
        delighted=word_set("great love perfect excellent amazing awesome wonderful fantastic brilliant delighted superb lovely"),
        negations=word_set("not no never isn't wasn't don't doesn't didn't won't can't cannot without hardly dont isnt aint"),
        intensifiers=word_set("very really so extremely absolutely totally completely utterly incredibly beyond"),
    ),
    MoodWords(  # Spanish
        awful=word_set("terrible horrible inaceptable ridiculo inutil odio peor pesimo espantoso"),
        annoyed=word_set("molesto molesta fastidio frustrado frustrada frustrante decepcionado decepcionada cansado cansada cansando malo mala mal desesperarme lata rollo queja"),
        trouble=word_set("error errores falla fallo problema problemas roto lento perdido atascado bloqueado imposible"),
        content=word_set("gracias bueno buena bien contento contenta util funciona resuelto amable facil agradecido agradecida"),
        delighted=word_set("genial perfecto excelente encanta maravilloso fantastico estupendo increible"),
        negations=word_set("no nunca jamas sin tampoco ni"),
        intensifiers=word_set("muy tan realmente sumamente absolutamente totalmente super"),
    ),
    MoodWords(  # German
        awful=word_set("schrecklich furchtbar unmoglich inakzeptabel lacherlich nutzlos hasse schlimmste katastrophal"),
        annoyed=word_set("genervt nervt nervig frustriert frustrierend enttauscht arger argerlich verargert schade muhsam schlecht mude blod unzufrieden leider ungeduldig"),
        trouble=word_set("fehler problem probleme kaputt langsam verloren gesperrt hangt absturz falsch"),
        content=word_set("danke dank gut nett zufrieden hilfreich funktioniert geklappt klappt gelost freundlich einfach merci freue"),
        delighted=word_set("super toll perfekt ausgezeichnet liebe wunderbar fantastisch begeistert klasse grossartig hervorragend prima"),
        negations=word_set("nicht kein keine keinen nie ohne weder nich"),
        intensifiers=word_set("sehr so wirklich extrem absolut total vollig unglaublich echt"),
    ),
    MoodWords(  # French
        awful=word_set("terrible horrible inacceptable ridicule inutile deteste pire affreux"),
        annoyed=word_set("agace agacee agacant penible frustre frustree frustrant decu decue decevant fatigue fatiguee dommage mauvais mauvaise mal embetant lassant plainte"),
        trouble=word_set("erreur erreurs probleme problemes bug panne lent perdu bloque bloquee casse impossible"),
        content=word_set("merci bon bonne bien content contente utile fonctionne marche resolu gentil facile"),
        delighted=word_set("super genial parfait excellent adore merveilleux fantastique formidable top impeccable nickel"),
        negations=word_set("pas jamais sans aucun aucune ni"),
        intensifiers=word_set("tres vraiment tellement extremement absolument totalement completement trop"),
    ),
    MoodWords(  # Portuguese
        awful=word_set("terrivel horrivel inaceitavel ridiculo inutil odeio pior pessimo"),
        annoyed=word_set("chateado chateada chato chata chatice frustrado frustrada frustrante desapontado desapontada cansado cansada mau ruim poxa puxa dificil aborrecido queixa"),
        trouble=word_set("erro erros problema problemas falha lento perdido travado bloqueado quebrado impossivel"),
        content=word_set("obrigado obrigada valeu bom boa bem contente feliz util funciona resolvido gentil facil grato grata"),
        delighted=word_set("otimo perfeito excelente adoro amei maravilhoso fantastico incrivel espetacular"),
        negations=word_set("nao nunca jamais sem nem"),
        intensifiers=word_set("muito tao realmente extremamente absolutamente totalmente demais bem"),
    ),
    MoodWords(  # Italian
        awful=word_set("terribile orribile inaccettabile ridicolo inutile odio peggiore pessimo"),
        annoyed=word_set("scocciato scocciata fastidio fastidioso frustrato frustrata frustrante deluso delusa stanco stanca cattivo brutto peccato noioso seccato seccata uffa reclamo"),
        trouble=word_set("errore errori problema problemi guasto lento perso bloccato bloccata rotto impossibile"),
        content=word_set("grazie buono buona bene contento contenta utile funziona risolto gentile facile gentilissimi"),
        delighted=word_set("ottimo perfetto eccellente adoro meraviglioso fantastico splendido bravissimi magnifico"),
        negations=word_set("non mai senza ne mica nn"),
        intensifiers=word_set("molto cosi davvero estremamente assolutamente totalmente troppo"),
    ),
    MoodWords(  # Hindi in Latin script
        awful=word_set("ghatiya bekaar bekar bakwas wahiyat worst"),
        annoyed=word_set("pareshan pareshani nirash niraash dikkat ajeeb thak kharab bura mushkil naraz"),
        trouble=word_set("galti galat dhere band atka gayab"),
        content=word_set("shukriya dhanyavad dhanyawad accha acha theek khush madad aasan badhiya"),
        delighted=word_set("zabardast kamaal shandar behtareen mast gazab lajawab"),
        negations=word_set("nahi nhi nai mat nahin bina"),
        intensifiers=word_set("bahut bohot bht itna itni kaafi sach ekdum bilkul"),
    ),
)  # fmt: skip
