"""Words for the actions of the audit; one without words is shown as it is stored."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from central.web.translations import N_

ACTIONS: Mapping[str, str] = MappingProxyType(
    {
        "access.refused": N_("access refused"),
        "account.access_changed": N_("role or places changed"),
        "account.created": N_("account created"),
        "account.disabled": N_("account disabled"),
        "account.enabled": N_("account enabled"),
        "account.erased": N_("personal data deleted"),
        "account.password_changed": N_("password changed"),
        "account.renamed": N_("name corrected"),
        "account.role_changed": N_("role changed"),
        "external.dismissed": N_("taken off the waiting list"),
        "external.joined": N_("identity provider joined"),
        "external.waits": N_("waits for an account"),
        "factor.codes_renewed": N_("recovery codes renewed"),
        "factor.enrolled": N_("second factor set up"),
        "factor.reset": N_("second factor reset"),
        "factor.shown": N_("second factor shown"),
        "link.created": N_("one-time link made"),
        "login": N_("signed in"),
        "login.code_failed": N_("wrong code"),
        "login.external_failed": N_("identity provider refused"),
        "login.failed": N_("sign-in failed"),
        "login.link": N_("one-time link used"),
        "login.password": N_("password right, code awaited"),
        "logout": N_("signed out"),
        "personal.read": N_("personal data read"),
        "session.ended": N_("session ended"),
        "token.created": N_("token made"),
        "token.revoked": N_("token revoked"),
    }
)
