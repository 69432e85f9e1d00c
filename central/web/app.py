"""The web application, as a table of contents: what it is made of, in the order a request meets it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from functools import partial

from fastapi import FastAPI
from starlette.middleware.gzip import GZipMiddleware

from central.completeness import routes as completeness_routes
from central.consumption import routes as consumption_routes
from central.context import Central
from central.fleet import routes as fleet_routes
from central.identity import account_pages, audit_pages
from central.identity import pages as identity_pages
from central.ingest import routes as ingest_routes
from central.iot import routes as iot_routes
from central.metering import routes as metering_routes
from central.web import live, vendor
from central.web.errors import install_errors, unexpected
from central.web.hub import Hub
from central.web.middleware import Frame
from central.web.pages import devices, gateways, home, places, preferences, quarantine, search
from central.web.render import build_renderer
from central.web.static_files import mount_static
from firmware_profiles.loader import load_profiles

log = logging.getLogger(__name__)


def create_app(central: Central) -> FastAPI:
    """The console and API of one process. Several processes may serve one database."""
    app = FastAPI(title="Campus energy", docs_url=None, redoc_url=None, openapi_url="/api/openapi.json", lifespan=_lifespan)
    app.state.central = central
    app.state.hub = Hub(central.dsn, partial(live.fetch_latest, central))
    app.state.renderer = build_renderer(mount_static(app), _missing_vendor())
    install_errors(app)
    app.add_middleware(GZipMiddleware, minimum_size=1024, compresslevel=6)
    app.add_middleware(Frame, https=central.settings.web.public_url.startswith("https://"), unexpected=unexpected)

    app.include_router(identity_pages.router(central))
    app.include_router(account_pages.router(central))
    app.include_router(audit_pages.router(central))
    app.include_router(preferences.router())
    app.include_router(home.router(central))
    app.include_router(places.router(central))
    profiles = load_profiles()
    app.include_router(devices.router(central, profiles))
    app.include_router(gateways.router(central))
    app.include_router(quarantine.router(central))
    app.include_router(search.router(central))
    app.include_router(live.router())
    app.include_router(metering_routes.router(central))
    app.include_router(consumption_routes.router(central))
    app.include_router(fleet_routes.router(central))
    app.include_router(completeness_routes.router(central, profiles))
    app.include_router(ingest_routes.router(central))
    app.include_router(iot_routes.router(central))
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    listening = asyncio.create_task(app.state.hub.run())
    yield
    listening.cancel()
    with suppress(asyncio.CancelledError):
        await listening


def _missing_vendor() -> list[str]:
    missing = vendor.missing()
    if missing:
        log.error("static/vendor lacks %s; run npm ci --ignore-scripts and then python -m central.web.vendor", ", ".join(missing))
    return missing
