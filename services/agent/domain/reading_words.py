"""Words by which messages are read, in seven languages, folded: lower case, without accents.

English, Spanish, German, French, Portuguese, Italian, and Hindi in Latin script. The sets of all languages are one: a message that has only such words asks nothing, whichever language it is in.
"""

from services.agent.domain.terms import word_set

THANK_WORDS = word_set(
    "thank thanks thx tnx ty cheers "
    "gracias agradezco agradecido agradecida "
    "danke dankeschon dank besten "
    "merci remercie "
    "obrigado obrigada valeu agradeco "
    "grazie ringrazio "
    "dhanyavaad dhanyavad dhanyawaad dhanyawad shukriya shukria"
)
# What agrees or closes without a word of thanks.
CLOSING_WORDS = word_set(
    "ok okay okey okk great perfect super cool awesome excellent fine solved worked helped lovely "
    "vale perfecto genial estupendo excelente resuelto listo "
    "prima perfekt toll klasse alles klar erledigt passt wunderbar "
    "parfait genial super resolu daccord entendu "
    "perfeito otimo beleza resolvido "
    "perfetto ottimo fantastico risolto bene va "
    "theek thik accha acha badhiya bahut"
)
# What mail programs write where there is no subject.
NO_SUBJECT = frozenset(
    {
        "no subject",
        "none",
        "kein betreff",
        "ohne betreff",
        "sin asunto",
        "sans objet",
        "aucun objet",
        "sem assunto",
    }
    | {"nessun oggetto", "senza oggetto"}
)
CLOSING_SIGNS = frozenset("👍👌🙏😊🙂😀😃😄☺✅💯🎉❤💙💚🤝👏")
POLITE_WORDS = word_set(
    "many you so very much a lot that works it this is all good now again for the your quick fast help answer reply "
    "support have nice day bye goodbye "
    "eso era es muchas mucha mil por la el tu su ayuda respuesta todo muy amable bien que tengas buen dia adios "
    "top dir euch ihnen vielen sehr schon fur die ihre deine eure schnelle hilfe antwort das ist hat geklappt gut schonen tag noch tschuss "
    "beaucoup mille pour la le votre ton aide reponse c est ca marche tres bien bonne journee au revoir "
    "muito muita mesmo pela pelo sua ajuda resposta tudo certo deu bom bem tchau "
    "mille tante molte per il la tuo vostro aiuto risposta tutto funziona buona giornata a presto "
    "aapka aapki madad ke liye ho gaya hai bahut sab ji"
)
GREETING_WORDS = word_set(
    "hi hello hey heya hallo good morning afternoon evening day there team dear support all anyone anybody here are "
    "you is "
    "hola buenos buenas dias tardes noches equipo alguien ahi "
    "zusammen guten tag morgen abend moin servus gruss gott liebes jemand da "
    "bonjour bonsoir salut coucou equipe quelqu un est la "
    "ola oi bom boa dia tarde noite equipe alguem ai "
    "ciao salve buongiorno buonasera buon giorno c e qualcuno "
    "namaste namaskar suprabhat ji koi hai"
)
VAGUE_WORDS = word_set(
    "it this that everything nothing something is does doesn't doesnt do not isn't isnt work works working broken help "
    "please me i have a an problem problems issue issues question questions need can you my the app system wrong with "
    "hi hello hey some got there i've it's urgent asap now still support again yes no yeah nope why "
    "no funciona nada algo esto eso todo ayuda ayudame ayudarme por favor tengo un una problema duda pregunta necesito "
    "puede puedes pueden hola urgente sigue sin funcionar va mal si la aplicacion "
    "es geht nicht funktioniert nichts etwas das alles hilfe hilf helfen bitte ich habe ein eine einen problem frage "
    "brauche konnen sie kannst du mir hallo dringend immer noch kaputt ja nein "
    "ca ne marche pas fonctionne rien quelque chose tout aide aidez moi aider svp s'il vous plait j'ai un une probleme "
    "question besoin d'aide pouvez vous bonjour urgent toujours oui non "
    "nao funciona nada algo isso isto tudo ajuda ajudar me por favor tenho um uma problema duvida pergunta preciso de "
    "pode podem ola urgente ainda sim "
    "non funziona niente qualcosa questo tutto aiuto aiutarmi aiutatemi per favore ho un una problema domanda bisogno "
    "di potete puoi ciao urgente ancora mi si "
    "kaam nahi nahin kar raha rahi hai chal yeh ye kuch sab madad chahiye kijiye karo mujhe mera meri ek samasya "
    "dikkat sawal namaste zaroori abhi bhi haan ji please help problem"
)
# What stands for a matter that was named before: "how do we do that?".
PRO_WORDS = word_set(
    "do does that this it them so there one possible i we you "
    "lo la los eso esto hago hacemos hacer hace yo se "
    "das dies es so mache machen macht ich wir man geht da "
    "le la les cela ca faire fais fait je on nous y "
    "isso isto o a fazer faco faz fazemos eu nos "
    "lo la questo quello fare faccio fa facciamo io noi "
    "yeh woh ise isko karun kare karna karein hum main"
)

# For each language: words that begin a question, words that join two questions, and how a further matter begins.
# In Hindi the question's word stands inside the sentence.
QUESTION_WORDS = {
    "en": "how what where when why which who can could do does is are will would should",
    "es": "como que donde cuando cual cuales quien puedo puede pueden podemos hay se es tengo",
    "de": "wie was wo wann warum welche welcher welches wer kann konnen konnt gibt ist sind muss darf wieso",
    "fr": "comment quel quelle quels quelles ou quand pourquoi qui que puis peut pouvez peux est-ce y a-t-il faut-il",
    "pt": "como que onde quando qual quais quem posso pode podem podemos ha existe tem e",
    "it": "come che cosa dove quando quale quali chi perche posso puo possono possiamo potete c'e ci si",
    "hi": "kaise kese kya kahan kaha kab kyun kyon kaun kaunsa kitna kitne",
}
JOINING_WORDS = {
    "en": "and also plus",
    "es": "y e ademas tambien",
    "de": "und ausserdem auch sowie",
    "fr": "et aussi",
    "pt": "e tambem alem",
    "it": "e ed anche inoltre",
    "hi": "aur tatha saath",
}
# Two of these in one sentence without a comma are two questions: "how do I … where do I …".
OPENERS = {
    "en": r"(?:how|where|why) (?:do|can|could|should|is|are|to)\b|what (?:is|are|does)\b",
    "es": r"(?:como|donde) (?:puedo|podemos|hago|hacemos|se|esta|estan|encuentro|encontramos)\b",
    "de": r"(?:wie|wo|wann|warum) (?:kann|konnen|finde|finden|komme|setze|mache|bekomme|andere|ist|sind)\b",
    "fr": r"(?:comment|ou) (?:puis|peut|faire|est|sont|trouver|je|on)\b",
    "pt": r"(?:como|onde) (?:posso|podemos|faco|fazemos|fica|ficam|encontro|estao|esta)\b",
    "it": r"(?:come|dove) (?:posso|possiamo|faccio|si|trovo|trovano|sono)\b",
}
FURTHER = (
    r"also|and also|another|second(?:ly)?|next|finally|plus|besides|in addition|and (?:my|our|the)|"
    r"ademas|tambien|otra (?:cosa|pregunta|duda)|por otro lado|y (?:mi|nuestr[oa]|el|la)|"
    r"ausserdem|zudem|auch|noch (?:eine|etwas)|zweitens|und (?:mein|meine|unser|unsere|der|die|das)|"
    r"aussi|de plus|autre (?:chose|question)|par ailleurs|ensuite|et (?:mon|ma|mes|notre|le|la)|"
    r"tambem|alem disso|outra (?:coisa|pergunta|duvida)|e (?:meu|minha|nosso|nossa)|"
    r"inoltre|anche|un'altra (?:cosa|domanda)|e (?:il|la) (?:mio|mia|nostro|nostra)|"
    r"ek aur|iske alawa|saath hi|aur (?:mera|meri|hamara|hamari)"
)
# What tells of a need or a trouble, where nothing has a question mark.
CUES = (
    r"need|want|wish|unable|cannot|can't|cant|doesn't|doesnt|don't|dont|won't|not|error|fails?|failed|stopped|missing|"
    r"lost|forgot|problem|issue|trouble|stuck|locked|explain|tell|show|"
    r"necesito|quiero|quisiera|no (?:puedo|funciona|llega|aparece)|error|falla|perdido|perdi|olvid\w+|bloquead[oa]|"
    r"explic\w+|"
    r"brauche|mochte|will|nicht|kein\w*|fehler|fehlt|vergessen|verloren|gesperrt|erklar\w+|"
    r"besoin|voudrais|veux|impossible|n'arrive|ne .{1,30} pas|erreur|perdu|oublie|bloque|expliqu\w+|"
    r"preciso|quero|gostaria|nao (?:consigo|funciona|chega|aparece)|erro|falha|perdi|esqueci|bloquead[oa]|"
    r"bisogno|vorrei|voglio|non (?:riesco|funziona|arriva|appare)|errore|perso|dimenticat[oa]|bloccat[oa]|spieg\w+|"
    r"chahiye|chahta|chahti|nahi|nahin|bhool|galat|batao|bataiye|samjha\w*"
)
