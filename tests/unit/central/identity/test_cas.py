"""Service responses of a CAS server, good and hostile."""

from __future__ import annotations

import pytest

from central.identity.cas import identify, read_answer
from central.identity.provider import ProviderDown
from central.settings import IdentitySettings
from protocol.errors import Refused

SETTINGS = IdentitySettings(cas_url="https://cas.example/cas", name_claim="cn", places_claim="places")
ANSWER = """<cas:serviceResponse xmlns:cas="http://www.yale.edu/tp/cas"><cas:authenticationSuccess><cas:user>20250001</cas:user>
<cas:attributes><cas:cn>王小明</cas:cn><cas:places>b1</cas:places><cas:places>b2</cas:places></cas:attributes>
</cas:authenticationSuccess></cas:serviceResponse>"""
FAILURE = """<cas:serviceResponse xmlns:cas="http://www.yale.edu/tp/cas">
<cas:authenticationFailure code="INVALID_TICKET">no</cas:authenticationFailure></cas:serviceResponse>"""
BOMB = """<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;">]>""" + ANSWER.replace("20250001", "&b;")
OUTSIDE = """<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/hostname">]>""" + ANSWER.replace("20250001", "&a;")


def test_user_and_attributes_are_read() -> None:
    found = read_answer(SETTINGS, ANSWER.encode())
    assert (found.provider, found.subject, found.name, found.places) == ("cas", "20250001", "王小明", ("b1", "b2"))


def test_user_without_attributes_is_named_by_number() -> None:
    bare = ANSWER.replace(ANSWER[ANSWER.index("<cas:attributes>") : ANSWER.index("</cas:authenticationSuccess>")], "")
    found = read_answer(SETTINGS, bare.encode())
    assert (found.name, found.places) == ("20250001", None)


@pytest.mark.parametrize(
    "body",
    [
        FAILURE,
        FAILURE.replace("</cas:serviceResponse>", "") + ANSWER[ANSWER.index("<cas:authenticationSuccess>") :],
        ANSWER.replace("20250001", " "),
        ANSWER.replace("cas:authenticationSuccess", "cas:somethingElse"),
        ANSWER.replace("</cas:authenticationSuccess>", "<cas:proxies><cas:proxy>https://evil</cas:proxy></cas:proxies></cas:authenticationSuccess>"),
    ],
)
def test_anything_but_one_plain_success_is_refused(body: str) -> None:
    with pytest.raises(Refused):
        read_answer(SETTINGS, body.encode())


@pytest.mark.parametrize("body", [BOMB, OUTSIDE, "", "<html>", "<a/>", ANSWER.replace("http://www.yale.edu/tp/cas", "http://evil"), "\0"])
def test_what_is_no_service_response_counts_as_a_broken_provider(body: str) -> None:
    with pytest.raises(ProviderDown):
        read_answer(SETTINGS, body.encode())


@pytest.mark.parametrize("ticket", ["", "ST-", "PT-1", "ST-1&service=x", "ST-1 ", "ST-" + "1" * 251])
def test_only_service_tickets_are_sent(ticket: str) -> None:
    with pytest.raises(Refused, match="no service ticket"):
        identify(SETTINGS, "https://here/back", ticket)
