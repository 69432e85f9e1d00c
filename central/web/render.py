"""Templates to answers: one Jinja environment a language, and what every page knows (who, language, theme, addresses, CSRF token)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader, StrictUndefined
from jinja2.utils import htmlsafe_json_dumps
from markupsafe import Markup

from central.identity import cookies, csrf
from central.identity.secret import new_secret
from central.metering.model import ONLINE_WITHIN_S
from central.web import charts, display
from central.web.translations import Language, choose_language, load_translations
from protocol.quantities import QUANTITIES, Kind, Quantity

LANGUAGE_COOKIE = "ce_language"
THEME_COOKIE = "ce_theme"
THEMES = ("auto", "light", "dark")


@dataclass(frozen=True)
class Renderer:
    """Kept on `app.state.renderer`. `static`: path of a static file -> its address. `missing`: vendor files that are not installed."""

    environments: Mapping[Language, Environment]
    texts: Mapping[Language, Callable[[str], str]]
    static: Callable[[str], str]
    missing: tuple[str, ...]

    def shown(self, language: Language, quantity: Quantity, value: int) -> str:
        """A value as pages show it: a word for a state that has one, else its number."""
        return _shown(self.environments[language], quantity, value)


def build_renderer(static: Callable[[str], str], missing: list[str]) -> Renderer:
    """Compile nothing yet, but read every catalogue; a broken one stops the server."""
    environments, texts = {}, {}
    for language, translations in load_translations().items():
        texts[language] = translations.gettext
        environment = Environment(
            loader=PackageLoader("central.web", "templates"),
            extensions=["jinja2.ext.i18n"],
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        environment.install_gettext_translations(translations, newstyle=True)  # type: ignore[attr-defined]  # added by the extension
        environment.filters.update(translated=translations.gettext)  # for texts in variables: what _() returns is never escaped
        environment.filters.update(display.filters(language), data_block=_data_block, shown=partial(_shown, environment))
        environment.filters.update(charts.FILTERS)
        environment.globals.update(
            static=static,
            languages=tuple(Language),
            missing_vendor=tuple(missing),
            icon=partial(_icon, static("icons.svg")),
            quantities=QUANTITIES,
            online_within_s=ONLINE_WITHIN_S,
        )
        environments[language] = environment
    return Renderer(MappingProxyType(environments), MappingProxyType(texts), static, tuple(missing))


def render(request: Request, template: str, context: Mapping[str, Any], status: int = 200) -> HTMLResponse:
    """Answer with a template. htmx asking for the content area gets that alone, everybody else the whole page."""
    renderer: Renderer = request.app.state.renderer
    language = language_of(request)
    shown = {**_common(request, language), **context}
    response = HTMLResponse(renderer.environments[language].get_template(template).render(shown), status_code=status)
    response.headers["vary"] = "HX-Request, HX-Target, Cookie, Accept-Language"
    response.headers["content-language"] = language.tag
    if shown["visit"] and cookies.visit_secret(request) != shown["visit"]:
        cookies.set_visit(request, response, shown["visit"])
    return response


def language_of(request: Request) -> Language:
    """The language this request is answered in."""
    return choose_language(request.cookies.get(LANGUAGE_COOKIE), request.headers.get("accept-language", ""))


def text_of(request: Request) -> Callable[[str], str]:
    """Translates texts marked with N_ for whoever asks: for names that go into charts, which templates cannot reach."""
    renderer: Renderer = request.app.state.renderer
    return renderer.texts[language_of(request)]


def _shown(environment: Environment, quantity: Quantity, value: int) -> str:
    word = ""
    if quantity.kind is Kind.STATE:
        words: Any = environment.get_template("states.html").module
        word = str(words.state_text(quantity.code, value)).strip()
    return word or display.number(quantity, value)


def _icon(sprite: str, name: str, size: str = "") -> Markup:
    """One symbol of the sprite; decoration only, words stand beside it."""
    return Markup('<svg class="icon {}" aria-hidden="true"><use href="{}#{}"/></svg>').format(size, sprite, name)


def _data_block(facts: Mapping[str, Any], chart: Mapping[str, Any], element_id: str) -> Markup:
    """Facts for a script as an inert JSON element; the content security policy lets nothing inline run."""
    return Markup('<script type="application/json" id="{}">{}</script>').format(element_id, htmlsafe_json_dumps({**chart, **facts}))


def _common(request: Request, language: Language) -> dict[str, Any]:
    principal = getattr(request.state, "principal", None)
    session = cookies.session_secret(request) if principal else None
    visit = None if session else cookies.visit_secret(request) or new_secret()
    theme = request.cookies.get(THEME_COOKIE, "auto")
    return {
        "request": request,
        "principal": principal,
        "language": language,
        "theme": theme if theme in THEMES else "auto",
        "csrf": csrf.token(session or visit or ""),
        "visit": visit,
        "partial": request.headers.get("hx-target") == "content" and "hx-history-restore-request" not in request.headers,
        "path": request.url.path,
        "now_s": request.app.state.central.clock(),
    }
