"""Texts of the console: gettext catalogues read from their .po files when the server starts, so that no build step stands in between.

Every domain keeps a catalogue of its own in a language's folder; together they are one. A text two domains use stands in one of them.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType

from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import Translations

_LOCALE = Path(__file__).parent / "locale"


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


def N_(text: str) -> str:  # noqa: N802 - gettext's own name for it
    """Mark a text in code for translation; whoever shows it translates it."""
    return text


def catalogues(language: Language) -> list[Path]:
    """A language's catalogue files."""
    return sorted((_LOCALE / language.value / "LC_MESSAGES").glob("*.po"))


def _read(language: Language) -> Translations:
    whole = Catalog(locale=language.value)
    for path in catalogues(language):
        with path.open("rb") as file:
            part = read_po(file, locale=language.value, abort_invalid=True)
        for message in part:
            if message.id:
                whole[message.id] = message
            else:
                whole.mime_headers = part.mime_headers
    packed = io.BytesIO()
    write_mo(packed, whole)
    packed.seek(0)
    return Translations(packed)
