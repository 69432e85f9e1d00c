"""CAS 3.0 (CAS Protocol Specification 3.0.3): a service ticket is changed for the user's name and attributes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import urlencode
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from central.identity.oidc import Identity
from central.identity.provider import ProviderDown, fetch
from central.settings import IdentitySettings
from protocol.errors import Refused

_NS = "{http://www.yale.edu/tp/cas}"
_TICKET = re.compile(r"ST-[\w.\-]{1,250}", re.ASCII)  # 3.1.1: begins with ST-; servers add their host's name


def login_url(settings: IdentitySettings, service: str) -> str:
    """Where the browser is sent (2.1)."""
    return f"{settings.cas_url}/login?{urlencode({'service': service})}"


def logout_url(settings: IdentitySettings, back: str) -> str:
    """Where the CAS session ends (2.3)."""
    return f"{settings.cas_url}/logout?{urlencode({'service': back})}"


def identify(settings: IdentitySettings, service: str, ticket: str) -> Identity:
    """Ask the server whose ticket it is (2.8, /p3/serviceValidate); raise ProviderDown or Refused."""
    if not _TICKET.fullmatch(ticket):
        raise Refused("this is no service ticket; sign in again", problem="external_refused")
    asked = urlencode({"service": service, "ticket": ticket})
    return read_answer(settings, fetch(settings, f"{settings.cas_url}/p3/serviceValidate?{asked}"))


def read_answer(settings: IdentitySettings, body: bytes) -> Identity:
    """The identity in a service response; raise Refused for a refused ticket, ProviderDown for anything that is no service response."""
    try:
        root = fromstring(body, forbid_dtd=True)
    except (ParseError, DefusedXmlException, ValueError) as error:
        raise ProviderDown(f"the CAS server sent no readable XML: {type(error).__name__}", problem="provider_down") from error
    if root.tag != f"{_NS}serviceResponse":
        raise ProviderDown("the CAS server sent no service response", problem="provider_down")
    failure, success = root.find(f"{_NS}authenticationFailure"), root.find(f"{_NS}authenticationSuccess")
    if failure is not None or success is None:
        code = failure.get("code", "unknown") if failure is not None else "no success"
        raise Refused(f"the CAS server refused the ticket: {code[:60]}; sign in again", problem="external_refused")
    user = (success.findtext(f"{_NS}user") or "").strip()
    if not 1 <= len(user) <= 300 or success.find(f"{_NS}proxies") is not None:
        raise Refused("the CAS server named no user, or vouches for a proxy", problem="external_refused")
    name = next(_values(success, settings.name_claim), user)
    places = tuple(_values(success, settings.places_claim)) if settings.places_claim else ()
    return Identity("cas", user, name[:100], places or None)


def _values(success: Element, attribute: str) -> Iterator[str]:
    """Every value of an attribute; a list comes as the element repeated."""
    for attributes in success.findall(f"{_NS}attributes"):
        for element in list(attributes)[:1000]:
            if element.tag == f"{_NS}{attribute}" and element.text:
                yield element.text.strip()
