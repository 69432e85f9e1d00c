"""Hand one message over and bring back what the other side answered. The only place of this domain that opens connections."""

from __future__ import annotations

import logging
import smtplib
import ssl
from collections.abc import Sequence
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

import httpx

from central.notify.compose import Message
from central.notify.model import Item, Outcome, Way
from central.notify.robots import Target, outcome, request
from central.settings import NotifySettings

log = logging.getLogger(__name__)

TIMEOUT_S = 10.0
_MAX_ANSWER = 64 << 10


def deliver(settings: NotifySettings, way: Way, target: Target, message: Message, items: Sequence[Item], message_id: str, now_s: float) -> Outcome:
    """Send; never raises for what the network or the other side does. `message_id`: the same for every try of one message."""
    if way is Way.EMAIL:
        return _mail(settings, target, message, message_id, now_s)
    return _post(way, target, message, items, message_id, now_s)


def _post(way: Way, target: Target, message: Message, items: Sequence[Item], message_id: str, now_s: float) -> Outcome:
    asked = request(way, target, message, items, message_id, now_s)
    try:
        with httpx.Client(timeout=TIMEOUT_S, follow_redirects=False, trust_env=False) as client:
            answer = client.post(asked.url, content=asked.body, headers=dict(asked.headers))
            return outcome(way, answer.status_code, answer.content[:_MAX_ANSWER])
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        # the text of an error may hold the address, and the address the key
        return Outcome(False, told=f"no connection: {type(error).__name__}")


def _mail(settings: NotifySettings, target: Target, message: Message, message_id: str, now_s: float) -> Outcome:
    if not settings.smtp_host or not settings.mail_from:
        return Outcome(False, told="settings notify.smtp_host and notify.mail_from are empty: no mail can be sent", again=True)
    try:
        with _connection(settings) as server:
            return _hand_over(server, settings.mail_from, target.to, _letter(settings, target, message, message_id, now_s))
    except smtplib.SMTPResponseException as error:
        return Outcome(False, told=f"{error.smtp_code} {_text(error.smtp_error)}", again=error.smtp_code < 500)
    except (OSError, smtplib.SMTPException) as error:
        return Outcome(False, told=f"mail server: {type(error).__name__}: {error}"[:300])


def _connection(settings: NotifySettings) -> smtplib.SMTP:
    secure = ssl.create_default_context()
    if settings.smtp_security == "tls":
        server: smtplib.SMTP = smtplib.SMTP_SSL(settings.smtp_host, settings.smtp_port, timeout=TIMEOUT_S, context=secure)
    else:
        server = smtplib.SMTP(settings.smtp_host, settings.smtp_port, timeout=TIMEOUT_S)
    try:
        if settings.smtp_security == "starttls":
            server.starttls(context=secure)
        if settings.smtp_username and settings.smtp_password_file:
            server.login(settings.smtp_username, settings.smtp_password_file.read_text(encoding="utf-8").strip())
    except BaseException:
        server.close()
        raise
    return server


def _hand_over(server: smtplib.SMTP, sender: str, to: Sequence[str], letter: bytes) -> Outcome:
    """The dialogue by hand, because its last reply is the proof (it names the server's own number of the message)."""
    server.ehlo_or_helo_if_needed()
    code, reply = server.mail(sender)
    if code != 250:
        return Outcome(False, told=f"{code} {_text(reply)}", again=code < 500)
    refused = [f"{one}: {code} {_text(reply)}" for one in to for code, reply in [server.rcpt(one)] if code not in (250, 251)]
    if len(refused) == len(to):
        server.rset()
        return Outcome(False, told="; ".join(refused)[:300], again=False)
    code, reply = server.data(letter)
    if code != 250:
        return Outcome(False, told=f"{code} {_text(reply)}", again=code < 500)
    return Outcome(True, f"{code} {_text(reply)}" + (f"; refused: {'; '.join(refused)}" if refused else ""))


def _letter(settings: NotifySettings, target: Target, message: Message, message_id: str, now_s: float) -> bytes:
    letter = EmailMessage(policy=SMTP)
    letter["From"] = Address(display_name=settings.mail_name, addr_spec=settings.mail_from)
    letter["To"] = ", ".join(target.to)
    letter["Subject"] = message.subject
    letter["Date"] = format_datetime(datetime.fromtimestamp(now_s, UTC))
    letter["Message-ID"] = f"<{message_id}@{settings.mail_from.rpartition('@')[2]}>"
    letter["Auto-Submitted"] = "auto-generated"
    letter.set_content(message.text)
    return letter.as_bytes()


def _text(reply: bytes | str) -> str:
    return (reply.decode(errors="replace") if isinstance(reply, bytes) else reply)[:200]
