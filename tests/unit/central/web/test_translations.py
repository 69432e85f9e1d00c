"""No key is missing in any language, no text stands in a template or script."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from babel.messages.catalog import Message
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po

import central.web
from central.web.translations import Language, catalogues, choose_language, load_translations

WEB = Path(central.web.__file__).parent
TEMPLATES = sorted((WEB / "templates").glob("*.html"))
SCRIPTS = sorted((WEB / "static" / "js").glob("*.js"))
_CHINESE = re.compile(r"[\u3000-\u9fff]")


def used() -> set[str]:
    """Message ids that templates ask for, and those that code marks with N_."""
    found = list(extract_from_dir(WEB / "templates", [("**.html", "jinja2")], {"**.html": {"newstyle_gettext": "true"}}))
    found += list(extract_from_dir(WEB.parent, [("**.py", "python")], keywords={"N_": None}))
    return {message[0] if isinstance(message, tuple) else message for _, _, message, _, _ in found}


def catalogue(language: Language) -> dict[str, tuple[str, ...]]:
    """Message id -> its translations, of all the language's files."""
    entries = [message for path in catalogues(language) for message in entries_of(path, language)]
    assert len({message.id for message in entries}) == len(entries), "a text stands in two catalogues"
    return {
        (entry.id[0] if isinstance(entry.id, tuple) else entry.id): (entry.string if isinstance(entry.string, tuple) else (entry.string,))
        for entry in entries
    }


def entries_of(path: Path, language: Language) -> list[Message]:
    """One file's messages without its header."""
    with path.open("rb") as file:
        return [message for message in read_po(file, locale=language.value) if message.id]


@pytest.mark.parametrize("language", list(Language))
def test_catalogue_has_exactly_the_texts_in_use(language: Language) -> None:
    assert set(catalogue(language)) == used()


@pytest.mark.parametrize("language", list(Language))
def test_no_translation_is_empty_or_loses_a_placeholder(language: Language) -> None:
    for key, texts in catalogue(language).items():
        assert all(texts), key
        assert set(re.findall(r"%\(\w+\)s", key)) == set(re.findall(r"%\(\w+\)s", texts[0])), key


def test_chinese_is_chinese() -> None:
    untouched = {key for key, texts in catalogue(Language.CHINESE).items() if not any(_CHINESE.search(text) for text in texts)}
    assert untouched == {"CT %(ct)s · PT %(pt)s"}


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_no_text_is_hard_coded_in_a_template(path: Path) -> None:
    bare = re.sub(r"{#.*?#}|{%.*?%}|{{.*?}}", "\0", path.read_text(encoding="utf-8"), flags=re.S)
    bare = re.sub(r"<script.*?</script>|<code>.*?</code>|<kbd.*?</kbd>", "", bare, flags=re.S)
    words = re.findall(r"[^\W\d_]{2,}", re.sub(r"<[^>]*>|/[a-z]+/\0", " ", bare))
    attributes = [text for text in re.findall(r'(?:aria-label|placeholder|title|alt)="([^"]*)"', bare) if re.search(r"[^\W\d_]", text)]
    assert not set(words)
    assert not attributes


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_no_word_a_person_reads_is_in_a_script(path: Path) -> None:
    code = re.sub(r"//.*", "", path.read_text(encoding="utf-8"))
    assert not _CHINESE.search(code)
    assert not re.findall(r"textContent = [\"'`][A-Za-z]", code)


@pytest.mark.parametrize(
    ("cookie", "header", "language"),
    [
        (None, "", Language.CHINESE),
        (None, "en-GB,en;q=0.9,zh;q=0.8", Language.ENGLISH),
        (None, "fr,zh-CN;q=0.5", Language.CHINESE),
        ("en", "zh-CN", Language.ENGLISH),
        ("klingon", "en", Language.ENGLISH),
    ],
)
def test_language_is_the_choice_then_the_browser_s_then_chinese(cookie: str | None, header: str, language: Language) -> None:
    assert choose_language(cookie, header) is language


def test_catalogues_load_without_a_build_step() -> None:
    assert load_translations()[Language.CHINESE].gettext("Sign in") == "登录"
