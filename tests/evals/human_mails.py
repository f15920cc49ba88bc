"""Mails that people wrote, as raw messages: the words are in data/human-mails, the shapes of mail programs are here.

Each mail gets the headers that its program or service writes, those that Gmail adds on delivery, and that program's way
to put a text on the wire: one part or alternatives, charset, transfer encoding, attachments.
"""

import base64
import html
import json
import quopri
import re
from collections.abc import Sequence
from dataclasses import dataclass
from email.header import Header
from email.utils import formataddr, parseaddr
from pathlib import Path

FILE = Path(__file__).parent / "data" / "human-mails" / "mails.jsonl"
OURS = "support@example.com"
_REPLY = re.compile(r"(?:re|aw|sv|vs|antw)\s?(?:\[\d\])?:", re.IGNORECASE)
_DATE = "Mon, 2 Mar 2026 11:02:41 +0100"
_EXCHANGE = (
    "Thread-Topic: {subject}",
    "Thread-Index: AQHbx1Zk0o8m3kq5mUu0yJ8wq0mZ7w==",
    "Accept-Language: de-DE, en-US",
    "X-MS-Has-Attach: ",
    "X-MS-Exchange-Organization-SCL: -1",
    "x-ms-exchange-messagesentrepresentingtype: 1",
    "X-MS-TNEF-Correlator: ",
    "X-OriginatorOrg: {domain}",
    "msip_labels: ",
)


@dataclass(frozen=True, slots=True)
class Shape:
    """What a program writes around a text."""

    headers: tuple[str, ...] = ()
    form: str = "plain"
    charset: str = "utf-8"
    encoding: str = "quoted-printable"


@dataclass(frozen=True, slots=True)
class HumanMail:
    """One mail, and what its sender wrote anew in it."""

    mail_id: str
    client: str
    raw: bytes
    own: str


_SHAPES = {
    "gmail": Shape(("X-Gm-Message-State: AOJu0YxQm1",), "alternative"),
    "gmail-fwd": Shape(
        ("X-Gm-Message-State: AOJu0YxQm1", "X-Forwarded-Encrypted: i=1; AJvYcCU"), "alternative"
    ),
    "group": Shape(
        (
            "X-Gm-Message-State: AOJu0YxQm1",
            "Precedence: list",
            "Mailing-list: list support@example.com; contact support+owners@example.com",
            "List-ID: <support.example.com>",
            "X-Google-Group-Id: 84215523901",
            "List-Post: <https://groups.google.com/a/example.com/group/support/post>, <mailto:support@example.com>",
            "List-Help: <https://support.google.com/a/example.com/bin/topic.py?topic=25838>",
            "List-Unsubscribe: <mailto:googlegroups-manage+84215523901+unsubscribe@googlegroups.com>",
        )
    ),
    "iphone": Shape(("X-Mailer: iPhone Mail (22D72)", "Mime-Version: 1.0 (1.0)")),
    "apple-mail": Shape(
        (
            "X-Mailer: Apple Mail (2.3826.400.131.1.6)",
            "Mime-Version: 1.0 (Mac OS X Mail 16.0 \\(3826.400.131.1.6\\))",
        )
    ),
    "outlook-win": Shape(
        ("X-Mailer: Microsoft Outlook 16.0", *_EXCHANGE[:3]), "alternative", "iso-8859-1"
    ),
    "outlook-web": Shape(_EXCHANGE, "alternative", "utf-8", "base64"),
    "outlook-mac": Shape(("User-Agent: Microsoft-MacOutlook/16.94.25020927",), "alternative"),
    "outlook-ios": Shape(_EXCHANGE, "alternative"),
    "outlook-android": Shape(_EXCHANGE, "alternative"),
    # Only receipts are suppressed here, not answers.
    "exchange-suppress": Shape((*_EXCHANGE, "X-Auto-Response-Suppress: DR, RN, NRN")),
    "exchange": Shape(_EXCHANGE),
    "thunderbird": Shape(
        ("User-Agent: Mozilla Thunderbird", "Content-Language: en-US"), "flowed", encoding="8bit"
    ),
    "yahoo": Shape(("X-Mailer: WebService/1.1.23369 YMailNorrin",), "alternative"),
    "samsung": Shape(("X-Mailer: Android-Mail",), "plain", encoding="base64"),
    "gmx": Shape(("X-UI-Sender-Class: 01bb95c1", "Importance: normal", "X-Priority: 3"), "html"),
    "webde": Shape(("X-UI-Sender-Class: 01bb95c1", "Importance: normal", "X-Priority: 3"), "html"),
    "mutt": Shape(
        ("User-Agent: Mutt/2.2.13 (2024-03-09)", "Content-Disposition: inline"), encoding="8bit"
    ),
    "notes": Shape(
        ("X-Mailer: HCL Notes Release 12.0.2", "X-MIMETrack: Serialize by Router"),
    ),
    "mailru": Shape(("X-Mailer: Mail.Ru Mailer 1.0", "X-Priority: 3 (Normal)"), encoding="base64"),
    "yandex": Shape(("X-Mailer: Yamail [ http://yandex.ru ] 5.0",), encoding="base64"),
    "qq": Shape(
        ("X-Mailer: QQMail 2.x", "X-QQ-MIME: TCMime 1.0 by Tencent"),
        charset="gb18030",
        encoding="base64",
    ),
    "group-reply": Shape(),
    # Help desks whose people write; none of them calls the mail automatic.
    "zendesk-agent": Shape(
        ("X-Mailer: Zendesk Mailer", "X-Zendesk-From-Account-Id: 88f31"), "alternative"
    ),
    "freshdesk": Shape(("X-Mailer: Freshdesk", "X-FD-Ticket-Id: 8812"), "alternative"),
    "otrs": Shape(
        ("X-Mailer: OTRS Mail Service (6.0.30)", "X-Powered-By: OTRS - Open Ticket Request System")
    ),
    "rt": Shape(
        (
            "X-RT-Loop-Prevention: uni.example",
            "RT-Ticket: uni.example #48213",
            "X-RT-Originator: staff@uni.example",
            "Managed-By: RT 5.0.7",
        )
    ),
    "helpscout": Shape(("X-Mailer: Help Scout/2.0", "X-HelpScout-Origin: web"), "alternative"),
    "jira": Shape(("X-JIRA-FingerPrint: 5b2a9e", "X-Mailer: JIRA Service Management")),
    "osticket": Shape(("X-Mailer: osTicket Mailer",), "alternative"),
    "zammad": Shape(("X-Mailer: Zammad Mail Service", "Organization: Paulsen")),
    "servicenow": Shape(("X-Mailer: ServiceNow", "X-ServiceNow-Generated: true")),
    "salesforce": Shape(
        (
            "X-mail_abuse_inquiries: http://www.salesforce.com/company/abuse.jsp",
            "X-SFDC-User: 00500",
        )
    ),
    # Amazon writes these on each mail that passes through it.
    "ses": Shape(
        (
            "Feedback-ID: ::1.eu-central-1.pV1+2Z/abc=:AmazonSES",
            "X-SES-Outgoing: 2026.03.02-54.240.0.1",
        ),
        "alternative",
    ),
    "sendgrid-human": Shape(("X-SG-EID: u001.abc", "X-Entity-ID: u001.xyz"), "alternative"),
    "attach": Shape(form="attachment"),
    "tnef": Shape(
        ("X-Mailer: Microsoft Outlook 15.0", "X-MS-TNEF-Correlator: <t@banks.example>"), "tnef"
    ),
    "html-only": Shape(form="html"),
    "latin1": Shape(charset="iso-8859-1"),
    "cp1251": Shape(charset="windows-1251", encoding="8bit"),
    "koi8": Shape(charset="koi8-r", encoding="8bit"),
    "sjis": Shape(charset="shift_jis", encoding="8bit"),
    "iso2022jp": Shape(charset="iso-2022-jp", encoding="7bit"),
    "gb2312": Shape(charset="gb2312", encoding="base64"),
    "big5": Shape(charset="big5", encoding="base64"),
    "euckr": Shape(charset="euc-kr", encoding="8bit"),
    "nocharset": Shape(charset="", encoding="8bit"),
    "phpmailer": Shape(encoding="8bit"),
    "noxmailer": Shape(encoding="8bit"),
}


def human_mails() -> list[HumanMail]:
    """Returns all of them, in the file's order."""
    rows = [json.loads(line) for line in FILE.read_text(encoding="utf-8").splitlines()]
    return [
        HumanMail(row["id"], row["client"], raw_mail(number, row), row["own"])
        for number, row in enumerate(rows)
    ]


def raw_mail(number: int, row: dict[str, str]) -> bytes:
    """Writes one mail as Gmail holds it after delivery."""
    shape = _SHAPES.get(row["client"], Shape((f"X-Mailer: {row['client']}",)))
    name, address = parseaddr(row["from"])
    domain = address.rpartition("@")[2]
    text = row.get("above", "") + row["own"] + row.get("below", "") + "\n"
    headers = [
        f"Delivered-To: {OURS}",
        "Received: by 2002:a05:7300:8b90:b0:e1 with SMTP id xx;",
        f"Return-Path: <{address}>",
        f"Received: from mail.{domain} (mail.{domain}. [192.0.2.{number % 200 + 1}]) by mx.google.com with ESMTPS;",
        (
            f"Authentication-Results: mx.google.com; spf=pass smtp.mailfrom={address}; "
            f"dmarc=pass (p=NONE sp=NONE dis=NONE) header.from={domain}"
        ),
        *(line.format(subject=_ascii(row["subject"]), domain=domain) for line in shape.headers),
        f"From: {formataddr((str(Header(name, 'utf-8')) if not name.isascii() else name, address))}",
        f"To: Acme Support <{OURS}>",
        f"Subject: {_ascii(row['subject'])}",
        f"Date: {_DATE}",
        f"Message-ID: <{number}.{row['client']}@mail.{domain}>",
    ]
    if "below" in row or _REPLY.match(row["subject"]):
        headers += [
            "In-Reply-To: <our-last@mail.gmail.com>",
            "References: <first@mail.gmail.com> <our-last@mail.gmail.com>",
        ]
    head = "\r\n".join([*headers, "MIME-Version: 1.0", ""]).encode()
    return head + _body(text, shape)


def _ascii(text: str) -> str:
    return text if text.isascii() else Header(text, "utf-8", maxlinelen=900).encode()


def _body(text: str, shape: Shape) -> bytes:
    match shape.form:
        case "alternative":
            parts = [_part(text, "text/plain", shape), _part(_as_html(text), "text/html", shape)]
            return _multipart("alternative", parts)
        case "html":
            return _part(_as_html(text), "text/html", shape)
        case "flowed":
            return _part(text, "text/plain", shape, "; format=flowed")
        case "attachment":
            data = base64.encodebytes(bytes(range(256)) * 40).replace(b"\n", b"\r\n")
            file = b'Content-Type: image/jpeg; name="IMG_0001.jpg"\r\nContent-Disposition: attachment\r\n'
            file += b"Content-Transfer-Encoding: base64\r\n\r\n" + data
            return _multipart("mixed", [_part(text, "text/plain", shape), file])
        case "tnef":
            data = base64.encodebytes(b"\x78\x9f\x3e\x22\x01\x00").replace(b"\n", b"\r\n")
            file = b'Content-Type: application/ms-tnef; name="winmail.dat"\r\n'
            file += b"Content-Transfer-Encoding: base64\r\n\r\n" + data
            return _multipart("mixed", [_part(text, "text/plain", shape), file])
        case _:
            return _part(text, "text/plain", shape)


def _multipart(kind: str, parts: Sequence[bytes]) -> bytes:
    boundary = b"000000000000a1b2c3d4e5f6"
    joined = b"".join(b"--" + boundary + b"\r\n" + part + b"\r\n" for part in parts)
    head = f'Content-Type: multipart/{kind}; boundary="{boundary.decode()}"\r\n\r\n'.encode()
    return head + joined + b"--" + boundary + b"--\r\n"


def _part(text: str, kind: str, shape: Shape, parameters: str = "") -> bytes:
    charset = shape.charset
    try:
        data = text.encode(charset or "utf-8")
    except UnicodeEncodeError:
        charset = "utf-8"
        data = text.encode()
    declared = f'; charset="{charset}"' if charset else ""
    data = data.replace(b"\n", b"\r\n")
    if shape.encoding == "base64":
        data = base64.encodebytes(data).replace(b"\n", b"\r\n")
    elif shape.encoding == "quoted-printable":
        data = quopri.encodestring(data)
    head = f"Content-Type: {kind}{declared}{parameters}\r\nContent-Transfer-Encoding: {shape.encoding}\r\n\r\n"
    return head.encode() + data


def _as_html(text: str) -> str:
    """Shows a text as editors do: a line is a block, what is quoted lies in a blockquote."""
    lines: list[str] = []
    depth = 0
    for line in text.split("\n"):
        level = len(line) - len(line.lstrip(">"))
        while depth < level:
            lines.append('<blockquote class="gmail_quote" style="border-left:1px solid #ccc">')
            depth += 1
        while depth > level:
            lines.append("</blockquote>")
            depth -= 1
        lines.append(f"<div>{html.escape(line[level:].strip(), quote=False) or '<br>'}</div>")
    return "<html><body>" + "\n".join([*lines, "</blockquote>" * depth]) + "</body></html>"
