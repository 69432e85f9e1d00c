"""A small strict CAS 3.0 server for tests, written from the protocol specification 3.0.3: its port is the first line it prints.

Every visit to /login hands out a new service ticket for the user named in the extra parameter `as` (a test's password form). A ticket is good once,
for the service it was made for (2.5.1, 3.1.1): not for another service, not twice, not after five minutes.

    /mood?good|bomb|html|redirect|huge|down    what /p3/serviceValidate answers from now on
"""

from __future__ import annotations

import secrets
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlencode, urlsplit
from xml.sax.saxutils import escape, quoteattr

LIFETIME_S = 300
TICKETS: dict[str, tuple[str, str, float]] = {}
MOOD = ["good"]
NAMESPACE = "http://www.yale.edu/tp/cas"
BOMB = '<!DOCTYPE x [<!ENTITY a "lol"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;">]>'


class Handler(BaseHTTPRequestHandler):
    """The three addresses of CAS that a service meets, and the double's own."""

    def do_GET(self) -> None:
        path, query = urlsplit(self.path).path, urlsplit(self.path).query
        asked = {name: values[0] for name, values in parse_qs(query).items()}
        if path == "/cas/login":
            self._login(asked)
        elif path == "/cas/p3/serviceValidate":
            self._validate(asked)
        elif path == "/mood":
            MOOD[0] = query
            self._answer(200, "ok")
        else:
            self._answer(404, "no such page")

    def _login(self, asked: dict[str, str]) -> None:
        if "service" not in asked:
            self._answer(400, "a service is needed")
            return
        ticket = f"ST-{len(TICKETS) + 1}-{secrets.token_urlsafe(16)}-cas.example"
        TICKETS[ticket] = (asked["service"], asked.get("as", "20250001"), time.monotonic())
        service = asked["service"]
        self.send_response(302)
        self.send_header("Location", f"{service}{'&' if '?' in service else '?'}{urlencode({'ticket': ticket})}")
        self.end_headers()

    def _validate(self, asked: dict[str, str]) -> None:
        if MOOD[0] == "down":
            self._answer(500, "out of order")
        elif MOOD[0] == "html":
            self._answer(200, "<html><body>maintenance</body></html>")
        elif MOOD[0] == "redirect":
            self.send_response(302)
            self.send_header("Location", "/cas/login")
            self.end_headers()
        elif MOOD[0] == "huge":
            self._answer(200, "x" * (1 << 20))
        else:
            self._judge(asked.get("ticket", ""), asked.get("service", ""))

    def _judge(self, ticket: str, service: str) -> None:
        if not ticket or not service:
            self._refuse("INVALID_REQUEST")
            return
        made_for, user, at = TICKETS.pop(ticket, ("", "", 0.0))  # gone whatever comes next
        if not made_for or time.monotonic() - at > LIFETIME_S:
            self._refuse("INVALID_TICKET")
        elif made_for != service:
            self._refuse("INVALID_SERVICE")
        else:
            head, name = (BOMB, "&c;") if MOOD[0] == "bomb" else ("", escape(user))
            attributes = f"<cas:preferred_username>{escape(f'name-{user}')}</cas:preferred_username>"
            body = f"<cas:user>{name}</cas:user><cas:attributes>{attributes}</cas:attributes>"
            self._respond(f"<cas:authenticationSuccess>{body}</cas:authenticationSuccess>", head)

    def _refuse(self, code: str) -> None:
        self._respond(f"<cas:authenticationFailure code={quoteattr(code)}>refused</cas:authenticationFailure>")

    def _respond(self, inner: str, head: str = "") -> None:
        self._answer(200, f'{head}<cas:serviceResponse xmlns:cas="{NAMESPACE}">{inner}</cas:serviceResponse>')

    def _answer(self, status: int, text: str) -> None:
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing to tell."""


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    sys.stdout.write(f"{server.server_address[1]}\n")
    sys.stdout.flush()
    server.serve_forever()
