"""The web application, as a table of contents: what it is made of, in the order a request meets it."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from functools import partial

from fastapi import APIRouter, FastAPI
from starlette.middleware.gzip import GZipMiddleware

from central.alarms import pages as alarm_pages
from central.alarms import routes as alarm_routes
from central.alarms import rule_pages as alarm_rule_pages
from central.analytics import pages as analytics_pages
from central.analytics import routes as analytics_routes
from central.batches import pages as batch_pages
from central.batches import routes as batch_routes
from central.completeness import routes as completeness_routes
from central.consumption import pages as consumption_pages
from central.consumption import routes as consumption_routes
from central.context import Central
from central.control import pages as control_pages
from central.control import routes as control_routes
from central.exports import pages as export_pages
from central.exports import routes as export_routes
from central.fleet import routes as fleet_routes
from central.identity import all_pages as identity_pages
from central.ingest import routes as ingest_routes
from central.iot import routes as iot_routes
from central.metering import routes as metering_routes
from central.metrics import routes as metrics_routes
from central.notify import pages as notify_pages
from central.notify import routes as notify_routes
from central.reports import pages as report_pages
from central.reports import routes as report_routes
from central.wall import pages as wall_pages
from central.wall import routes as wall_routes
from central.web import live, table_routes, vendor
from central.web.errors import campus_error, install_errors, unexpected
from central.web.hub import Hub
from central.web.limits import build_limits
from central.web.middleware import Frame
from central.web.openapi import describe, operation_id
from central.web.openapi_examples import EXAMPLES
from central.web.pages import api, devices, gateways, home, meter_work, places, preferences, quarantine, search, switch
from central.web.render import build_renderer
from central.web.static_files import mount_static
from firmware_profiles.loader import load_profiles
from protocol.profile import AnyProfile

log = logging.getLogger(__name__)


# What the application is made of. A path is looked for in this order: /alarms/rules before /alarms/{number}.
_ROUTERS: tuple[Callable[[Central], APIRouter], ...] = (
    home.router,
    api.router,
    places.router,
    gateways.router,
    quarantine.router,
    search.router,
    wall_pages.router,
    wall_routes.router,
    table_routes.router,
    export_pages.router,
    export_routes.router,
    batch_pages.router,
    batch_routes.router,
    consumption_pages.router,
    metering_routes.router,
    consumption_routes.router,
    report_routes.router,
    report_pages.router,
    fleet_routes.router,
    ingest_routes.router,
    iot_routes.router,
    analytics_routes.router,
    analytics_pages.router,
    alarm_routes.router,
    alarm_rule_pages.router,
    alarm_pages.router,
    notify_routes.router,
    metrics_routes.router,
    notify_pages.router,
    control_pages.router,
)
_ROUTERS_WITH_PROFILES: tuple[Callable[[Central, Mapping[str, AnyProfile]], APIRouter], ...] = (
    devices.router,
    meter_work.router,
    switch.router,
    completeness_routes.router,
    control_routes.router,
)


def create_app(central: Central) -> FastAPI:
    """The console and API of one process. Several processes may serve one database."""
    app = FastAPI(
        title="Campus energy",
        version="1",  # of the contract, as in /api/v1
        docs_url=None,
        redoc_url=None,
        openapi_url="/api/openapi.json",
        lifespan=_lifespan,
        generate_unique_id_function=operation_id,
    )
    app.state.central = central
    app.state.hub = Hub(central.dsn, partial(live.fetch_latest, central))
    app.state.renderer = build_renderer(mount_static(app), _missing_vendor())
    _protect(app, central)
    profiles = load_profiles()
    for router in (*identity_pages.routers(central), preferences.router(), live.router()):
        app.include_router(router)
    for build in _ROUTERS:
        app.include_router(build(central))
    for build_with in _ROUTERS_WITH_PROFILES:
        app.include_router(build_with(central, profiles))
    describe(app, EXAMPLES)
    return app


def _protect(app: FastAPI, central: Central) -> None:
    """What stands around every route."""
    install_errors(app)
    app.add_middleware(GZipMiddleware, minimum_size=1024, compresslevel=6)
    web = central.settings.web
    limits = build_limits(web.requests_per_s, web.requests_at_once, time.monotonic)
    app.add_middleware(Frame, https=web.public_url.startswith("https://"), unexpected=unexpected, refused=campus_error, limits=limits)


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
