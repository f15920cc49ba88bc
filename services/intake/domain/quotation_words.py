"""The words by which mail programs announce a quotation, a forwarded mail or a signature, in many languages."""

import re

# Verbs of "On …, Ada wrote:"; stems are enough, for a date and an address or a quotation must stand beside them.
WROTE = re.compile(
    r"\b(?:wrote|writes|schrieb(?:en)?|schreef|skrev|skrifaði|kirjoitti|escribi[oó]|escreveu|ha scritto|a [ée]crit|"
    r"[ée]crivait|va escriure|escribiu|a scris|napsala?|nap[íi]sala?|napisa[lł]a?(?:\(a\))?|pisze|je napisao|"
    r"napisao je|написала?(?:\(а\))?|пишет|писала?|пише|написа|έγραψε|yazd[ıi]|şunu yazdı|şunları yazdı|"
    r"írta|ezt írta|rašė|rakstīja|kirjutas|menulis|đã viết|viết|ne likha|likha hai|said|har skrevet)\b"
    r"|写道|寫道|写了|のメール|さんは書きました|作成|作成:|님이 작성|작성|כתב(?:/ה)?|מאת|كتب|بواسطة|เขียน|ने लिखा",
    re.IGNORECASE,
)
# How such a line begins; only used to join the lines over which it was broken.
STARTS = re.compile(
    r"\s*(?:on|am|le|el|il|em|op|den|dne|dnia|w dniu|a|il giorno|pada|vào|în|στις|em|på|d\.|at|"
    r"в|в\s|пн|вт|ср|чт|пт|сб|вс|mon|tue|wed|thu|fri|sat|sun|lun|mar|mer|jeu|ven|sam|dim|ma|ti|ke|to|pe|la|su|"
    r"man|tir|ons|tor|fre|lør|søn|mån|tis|lör|sön)\b[\s,.]",
    re.IGNORECASE,
)

_FIELDS = {
    "from": "from von de da van från fra lähettäjä od от від kimden gönderen 差出人 送信者 发件人 發件人 寄件者 "
    "寄件人 보낸사람 מאת من expéditeur remitente mittente remetente afzender absender feladó από från expeditor "
    "saatja nuo no pengirim dari từ ผู้ส่ง จาก",
    "date": "date datum data fecha dato päivämäärä päiväys дата tarih 日付 日時 日期 날짜 תאריך التاريخ تاريخ dátum "
    "ημερομηνία tanggal ngày received",
    "sent": "sent gesendet verzonden enviado enviada envoyé inviato skickat sendt lähetetty wysłano odesláno odoslané "
    "отправлено надіслано gönderildi gönderme 送信日時 发送时间 發送時間 寄件日期 보낸날짜 נשלח elküldve trimis στάλθηκε "
    "dikirim poslano послано send",
    "to": "to an a à aan para til till vastaanottaja do komu кому kime alıcı 宛先 收件人 받는사람 אל إلى címzett către "
    "προς kepada đến pour para: til: za кому: ke ถึง",
    "cc": "cc kopie copia copie kopia kopi kopio dw kopija копия копія bilgi 抄送 副本 참조 עותק نسخة másolat "
    "κοινοποίηση tembusan",
    "subject": "subject betreff onderwerp objet asunto oggetto assunto ämne emne aihe temat předmět predmet тема konu "
    "件名 主题 主題 主旨 제목 נושא الموضوع tárgy subiect θέμα perihal subjek chủđề เรื่อง sujet betr betr.",
    "other": "reply-to antwort an importance priority wichtigkeit bcc blind attachments anlagen organisation organization "
    "message-id mailed-by",
}
FIELDS = {name: kind for kind, names in _FIELDS.items() for name in names.split()}

# Words between dashes, or alone on a line, above a repeated mail.
_ANNOUNCED = (
    r"(?:original[- ](?:message|mail|e-?mail|nachricht|meddelelse|meddelande)|"
    r"urspr(?:ü|ue?)ngliche (?:nachricht|mail|e-?mail)|ursprungligt meddelande|"
    r"oprindelig meddelelse|opprinnelig melding|oorspronkelijk bericht|alkuperäinen viesti|message d.origine|"
    r"message original|mensaje original|messaggio originale|mensagem original|wiadomość oryginalna|"
    r"oryginalna wiadomość|původní (?:zpráva|e-?mail)|pôvodná správa|исходное сообщение|"
    r"оригинальное сообщение|пересылаемое сообщение|пересланное сообщение|"
    r"orijinal (?:mesaj|ileti)|eredeti üzenet|mesaj original|αρχικό μήνυμα|pesan asli|"
    r"(?:forwarded|begin forwarded|start of forwarded) message|forwarded by .{1,60}|weitergeleitete (?:nachricht|mail)|"
    r"anfang der weitergeleiteten (?:nachricht|e-?mail)|message transféré|début du message transféré|"
    r"(?:inicio del )?mensaje reenviado|messaggio inoltrato|inizio messaggio inoltrato|(?:início da )?mensagem "
    r"(?:encaminhada|reencaminhada)|doorgestuurd bericht|begin doorgestuurd bericht|vidarebefordrat meddelande|"
    r"videresendt (?:meddelelse|melding)|przekazana wiadomość|reply message|元のメッセージ|転送メッセージ|"
    r"转发的?邮件(?:信息)?|原始邮件|原始郵件|轉寄的郵件|원본 메시지|전달된 메시지|הודעה מקורית|رسالة أصلية|الرسالة الأصلية)"
)
SEPARATOR = re.compile(
    rf"^[\s>]*(?:[-_=*~#]{{2,}}\s*)(?:{_ANNOUNCED})\b[^\n]{{0,60}}$"
    rf"|^\s*(?:{_ANNOUNCED})\s*[:：]?\s*[-_=*]*\s*$"
    r"|^\s*-{2,10}\s*.{0,20}\d{4}.{0,200}@.{0,200}(?:wrote|schrieb|écrit|escribió|escreveu|scritto)\s*-{2,10}\s*$"
    r"|^\s*original message processed by\b.{0,60}$"
    r"|^.{0,40}(?:reply above this line|antworten? (?:sie )?(?:bitte )?(?:oberhalb|über) diese[rn]? (?:linie|zeile)|"
    r"reply.{0,20}above this line|répondre au-dessus de cette ligne|responda? (?:por )?encima de esta l[ií]nea|"
    r"escriba su respuesta (?:arriba|por encima)|rispondi sopra questa (?:riga|linea)|"
    r"reageer boven deze (?:lijn|regel)).{0,40}$",
    re.IGNORECASE,
)

# What telephones and mail programs write below a mail by themselves.
_SENT = (
    r"(?:sent (?:from|with|via|using) (?:my |a |the )?|get outlook for |get bluemail for |"
    r"(?:von|aus) (?:meinem|meiner|dem|der)?\s?.{0,40}\s?(?:gesendet|verschickt)|gesendet (?:mit|von|über|aus)|"
    r"diese nachricht wurde von mein|outlook (?:für|para|pour|per|voor) (?:ios|android)|"
    r"holen sie sich outlook für|obtenir outlook pour|obtener outlook para|obtén outlook para|obter o outlook para|"
    r"obtenha o outlook para|scarica outlook per|downloaden? outlook voor|"
    r"enviad[oa] (?:desde|do|de|a partir do|con|com|pelo)|envoyé (?:de|depuis|à partir d|avec|par)|provenance : |"
    r"inviato (?:da|con|dal)|verzonden (?:vanaf|met|via|vanuit)|verstuurd (?:vanaf|met|via)|"
    r"skick(?:at|ades) (?:från|med|via)|sendt (?:fra|via|med)|lähetetty|wysłan[eo] z|odesláno z|odoslané z|отправлено (?:с|из)|"
    r"надіслано з|gönderildi|iphone'?umdan gönderildi|trimis de pe|küldve|στάλθηκε από|dikirim dari|được gửi từ|"
    r"发自我?的?|從我的|傳送自|从我的.{0,20}发送|나의 .{0,20}에서 보냄|נשלח מ|أرسلت من|مرسل من|mere .{0,20} se bheja)"
)
DEVICE = re.compile(
    rf"^[\s*_]*(?:{_SENT}[^\n]{{0,60}}|[^\n]{{0,20}}(?:iPhone|iPad|Android)から送信|"
    r"[^\n]{0,20}(?:iPhone|iPad)\s?(?:'?dan|den) gönderildi)[\s*_]*$",
    re.IGNORECASE,
)
# Words that only stand in such a line if it names a device or a program.
GADGET = re.compile(
    r"iphone|ipad|ipod|android|samsung|galaxy|huawei|xiaomi|redmi|pixel|nokia|blackberry|bb|lumia|windows|outlook|"
    r"yahoo|gmail|mail|app|aol|gmx|web\.de|t-online|phone|mobile|handy|smartphone|tablet|handheld|device|gerät|móvil|"
    r"movil|celular|mobil|mobiel|telefon|téléphone|telefono|telefone|proton|spark|sparrow|superhuman|thunderbird|"
    r"airmail|bluemail|edison|verizon|at&t|t-mobile|sprint|htc|lg|motorola|oneplus|oppo|手机|手機|puhelim|komórk",
    re.IGNORECASE,
)

# Warnings that a gateway puts above, and notices that it puts below, what a person wrote.
BANNER = re.compile(
    r"^\W{0,6}(?:caution|warning|external(?: e-?mail)?|attention|achtung|vorsicht|extern|externe|let op|"
    r"precaución|atención|attenzione|you don.t often get e-?mail from|sie erhalten nicht oft|"
    r"\[?external\]?|this (?:e-?mail|message) (?:originated|came|was sent) from (?:outside|an external))\b.{0,400}"
    r"(?:outside|external|links?|attachments?|externen?|absender|learn why|anhänge|enlaces|liens|allegati|bijlagen)",
    re.IGNORECASE | re.DOTALL,
)
NOTICE = re.compile(
    r"^[\W_]{0,6}(?:disclaimer|confidentiality (?:notice|note|statement)|legal (?:notice|disclaimer)|privacy notice|"
    r"vertraulichkeitshinweis|haftungsausschluss|avis de confidentialité|aviso (?:legal|de confidencialidad(?:e)?)|"
    r"avviso di riservatezza|(?:this|the information (?:contained )?in this) (?:e-?mail|message|communication)"
    r".{0,120}(?:confidential|privileged|intended (?:solely|only)|for the (?:sole )?use)|"
    r"diese e-?mail (?:enthält|ist|kann) .{0,80}vertraulich|ce (?:message|courriel|mail).{0,120}confidentiel|"
    r"este (?:mensaje|correo).{0,120}confidencial|esta mensagem.{0,120}confidencia|questo messaggio.{0,120}"
    r"(?:riservat|confidenzial)|dit bericht.{0,100}vertrouwelijk|"
    r"(?:please )?consider the environment before printing|"
    r"(?:virus-?free|virenfrei)\b.{0,40}|this email has been (?:scanned|checked) (?:for|by)|"
    r"diese e-?mail wurde (?:von|auf).{0,60}(?:virus|viren|avast|geprüft))",
    re.IGNORECASE | re.DOTALL,
)
# The foot that a mailing list adds.
LIST_FOOT = re.compile(
    r"mailing list|mailman|listinfo|unsubscribe|groups\.google\.com|mailinglist|subscribed to|"
    r"reply to this (?:e-?mail|message) directly|view it on github",
    re.IGNORECASE,
)
