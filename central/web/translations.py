"""Texts of the console: gettext catalogues read from their .po files when the server starts, so that no build step stands in between."""

from __future__ import annotations

import io
from collections.abc import Mapping
from enum import StrEnum
from importlib.resources import files
from types import MappingProxyType

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import Translations


class Language(StrEnum):
    """Languages the console speaks; the values are gettext locale names. The first is the default."""

    CHINESE = "zh_CN"
    ENGLISH = "en"

    @property
    def tag(self) -> str:
        """As HTML and browsers write it."""
        return self.value.replace("_", "-")


def load_translations() -> Mapping[Language, Translations]:
    """Every language's texts. A missing or broken catalogue stops the server: half a console is worse than none."""
    return MappingProxyType({language: _read(language) for language in Language})


def choose_language(cookie: str | None, accept_language: str) -> Language:
    """The person's choice, else the browser's first language we speak, else Chinese."""
    if cookie in {language.value for language in Language}:
        return Language(cookie)
    for part in accept_language.split(",")[:10]:
        prefix = part.split(";")[0].strip().lower().split("-")[0]
        for language in Language:
            if prefix == language.value.split("_")[0].lower():
                return language
    return Language.CHINESE


def _read(language: Language) -> Translations:
    path = files("central.web").joinpath("locale", language.value, "LC_MESSAGES", "messages.po")
    with path.open("rb") as file:
        catalogue = read_po(file, locale=language.value, abort_invalid=True)
    packed = io.BytesIO()
    write_mo(packed, catalogue)
    packed.seek(0)
    return Translations(packed)
