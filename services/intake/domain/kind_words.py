"""Names and phrases by which machines that send mail give themselves away, in many languages."""

import re

# Local parts of those who report on deliveries (RFC 2142, RFC 5321 and habit), without their punctuation.
REPORTERS = frozenset(
    (
        "mailerdaemon",
        "maildaemon",
        "mdaemon",
        "postmaster",
        "mailsystem",
        "maildeliverysubsystem",
        "maildelivery",
        "mailrobot",
    )
)
REPORTER_NAMES = re.compile(
    r"^\W{0,3}(?:mail(?:er)?[ -]?(?:daemon|delivery (?:sub)?system|delivery service|administrator)|"
    r"(?:internet )?mail delivery(?: (?:sub)?system)?|postmaster|mail system|system administrator)\W{0,3}$",
    re.IGNORECASE,
)
# Local parts that nobody reads; compared word by word, with and without punctuation between the words.
NO_REPLY = frozenset(
    "noreply noreplies noreplay noanswer noresponse donotreply donotrespond dontreply doesnotreply pleasedonotreply "  # noqa: SIM905
    "notreply nonreply neverreply unattended nepasrepondre pasdereponse noresponder norespondas noresponda naoresponda "
    "naoresponder nonrispondere keineantwort nichtantworten bittenichtantworten nietantwoorden geenantwoord svarainte "
    "ikkesvar svarikke neodpovidat nieodpowiadac neotvechat yanitlamayin cevapsiz autoreply autoresponder "
    "autoresponse autoconfirm automailer autonotify automatednotice".split()
)

# How the subject of an automatic answer begins.
AUTOMATIC_SUBJECT = re.compile(
    r"^\W{0,3}(?:auto(?:matic|mated|matisk|matické|matyczna|matisches)?[ -]?(?:reply|response|answer|svar|repl)|autoreply|"
    r"auto[ -]?antwort|automatische (?:antwort|antwoord|reactie)|automatisch antwoord|"
    r"out of (?:the )?office|ooo\b|away from (?:my mail|the office)|abwesen(?:d|heits?(?:notiz|nachricht|meldung|assistent))|"
    r"afwezig(?:heid)?|réponse automatique|absen(?:t|ce) du bureau|message d.absence|respuesta automática|"
    r"fuera de (?:la )?oficina|resposta automática|fora do escritório|ausência|risposta automatica|fuori (?:sede|ufficio)|"
    r"autosvar|automatiskt svar|frånvaro|fravær|poissaoloviesti|automaattinen vastaus|autoodpowiedź|"
    r"automatyczna odpowiedź|odpowiedź automatyczna|automatická odpověď|automatikus válasz|răspuns automat|"
    r"otomatik (?:yanıt|cevap)|auto(?=:)|автоматический ответ|автоответ|автоматична відповідь|αυτόματη απάντηση|"
    r"自動(?:返信|応答|回覆|回复)|自动(?:回复|答复)|자동 ?(?:회신|응답)|부재 ?중|不在(?:通知|のお知らせ)|מענה אוטומטי|הודעה אוטומטית|"
    r"رد تلقائي|vacation (?:reply|response|message|auto))(?![a-z])",
    re.IGNORECASE,
)
REPORT_SUBJECT = re.compile(
    r"^\W{0,3}(?:undeliver(?:ed|able)|returned mail|return(?:ed)? to sender|mail delivery (?:failed|failure|system|error|"
    r"problem|status)|delivery (?:status notification|failure|failed|problem|delayed|has failed|notification)|failure notice|"
    r"mail (?:could not be|not) delivered|message (?:not delivered|undeliverable|delayed|blocked|you sent blocked|"
    r"status - undeliverable)|(?:warning: )?(?:could not send|message .{0,40}delayed)|non[- ]?remis|non délivré|"
    r"échec de (?:la )?remise|unzustellbar|nicht zustellbar|zustellung fehlgeschlagen|no se (?:puede|ha podido) entregar|"
    r"no entregado|não entregue|non recapitabile|mancato recapito|onbestelbaar|kan inte levereras|olevererbart|"
    r"ikke leveret|nie dostarczono|недоставлен|не доставлено|配信(?:不能|エラー|失敗)|送信(?:エラー|失敗)|メールエラー|"
    r"配信できません|无法投递|系统退信|退信|전송 실패|반송|mail error|undelivered mail|error sending|delivery report)",
    re.IGNORECASE,
)
# What a report on a delivery writes in its text, each once.
REPORT_SIGNS = (
    re.compile(
        r"^\s*(?:reporting-mta|final-recipient|original-recipient|diagnostic-code|remote-mta|arrival-date)\s*:",
        re.IGNORECASE | re.MULTILINE,
    ),
    re.compile(r"\b[45]\d\d[ -]\(?#?[45]\.\d{1,2}\.\d{1,3}\b"),
    re.compile(r"^\W{0,4}<?[\w.+-]{1,64}@[\w.-]{1,200}>?\s*[:.]?\s*$", re.MULTILINE),
    re.compile(r"\b(?:mail from|rcpt to):\s?<?[\w.+-]{1,64}@", re.IGNORECASE),
    re.compile(
        r"\b(?:user unknown|unknown user|no such user|mailbox (?:is )?(?:full|unavailable)|over quota|quota exceeded|"
        r"recipient address rejected|host unknown|undeliverable|permanent fatal errors?|could not be delivered|"
        r"invalid user|relay(?:ing)? denied)\b",
        re.IGNORECASE,
    ),
    re.compile(
        r"\b(?:transcript of session|message details|original message (?:follows|headers)|copy of (?:the|your) message|"
        r"unable to deliver|delivery to the following recipients?|failed permanently)\b",
        re.IGNORECASE,
    ),
    re.compile(r"^\s*[45]\d\d[ -]\S", re.MULTILINE),
)
AWAY = re.compile(
    r"\b(?:(?:i am|i'm|i will be|we are) (?:currently )?(?:out of (?:the )?office|away|on (?:annual |parental |sick )?leave|"
    r"on (?:vacation|holiday))|limited access to (?:my )?e-?mail|this is an automat(?:ed|ic)|"
    r"ich bin (?:derzeit|zur ?zeit|vom|bis|ab|aktuell)?.{0,40}(?:nicht (?:im büro|erreichbar)|abwesend|im urlaub)|"
    r"je suis (?:actuellement )?(?:absent|en congé)|estoy (?:actualmente )?(?:fuera|de vacaciones|ausente)|"
    r"estou (?:atualmente )?(?:fora|de férias|ausente)|sono (?:attualmente )?(?:fuori|in ferie|assente)|"
    r"ik ben (?:momenteel )?(?:afwezig|niet op kantoor|met vakantie))",
    re.IGNORECASE,
)
