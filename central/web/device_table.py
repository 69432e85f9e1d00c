"""The table of devices below a place: filtered, sorted and paged by the server. States lag the readings by some seconds."""

from __future__ import annotations

from functools import cache
from urllib.parse import quote

from central.db.pool import Connection
from central.db.statements import load_statements, records
from central.identity.scope import Scope
from central.metering.model import ONLINE_WITHIN_S, STALE_WITHIN_S
from central.metering.search import contains
from central.web.tables import Asked, Column, Fetched, Filter, TableSpec
from central.web.translations import N_, Language
from firmware_profiles.loader import load_profiles

_SQL = load_statements("central.web")
_MAIN_QUANTITIES = ["energy_active_total", "energy_active_forward", "water_volume", "temperature", "power_active", "occupancy_count"]
STATES = {"online": ("ok", N_("online")), "stale": ("warn", N_("late")), "silent": ("bad", N_("silent")), "never": ("idle", N_("never seen"))}
KINDS = {
    "electricity_meter": ("", N_("Electricity meter")),
    "water_meter": ("", N_("Water meter")),
    "relay": ("", N_("Relay")),
    "air_conditioner": ("", N_("Air conditioner")),
    "sensor": ("", N_("Sensor")),
}


def fetch(conn: Connection, scope: Scope, asked: Asked, limit: int) -> Fetched:
    """Devices of the node and below it, as far as the scope goes."""
    text, gateway, maker = (asked.filters.get(key, "") for key in ("q", "gateway", "maker"))
    found = records(
        conn,
        _SQL["device_table"],
        scope=scope,
        node=asked.node or None,
        pattern=contains(text) if text else None,
        kind=asked.filters.get("kind"),
        state=asked.filters.get("state"),
        gateway=contains(gateway) if gateway else None,
        profiles=_profiles_of(maker) if maker else None,
        sort=asked.sort,
        descending=asked.descending,
        chinese=asked.context.get("language", Language.CHINESE) == Language.CHINESE,
        offset=asked.offset,
        limit=limit,
        main=_MAIN_QUANTITIES,
        online_s=ONLINE_WITHIN_S,
        stale_s=STALE_WITHIN_S,
    )
    for row in found:
        row["maker"], (row["maker_zh"], row["maker_en"]) = row["profile"], _maker(row["profile"])
    return Fetched(found, found[0]["total"] if found else 0)


DEVICES = TableSpec(
    name="devices",
    title=N_("Devices"),
    permission="metering.read",
    columns=(
        Column("code", N_("Name"), "device", sortable=True),
        Column("kind", N_("Kind"), "text", sortable=True, shown=False, words=KINDS),
        Column("state", N_("State"), "state", sortable=True, words=STATES),
        Column("address", N_("Address"), "code", sortable=True),
        Column("place", N_("Place"), "place", sortable=True),
        Column("gateway", N_("Gateway"), "gateway", sortable=True),
        Column("line", N_("Line"), "code", shown=False),
        Column("main_value", N_("Newest value"), "quantity", quantity=".main_quantity"),
        Column("seen", N_("Last reading"), "age", sortable=True),
        Column("maker", N_("Maker and model"), "text", shown=False),
        Column("profile", N_("Profile"), "code", sortable=True, shown=False),
        Column("point", N_("Metering point"), "point", shown=False),
        Column("imei", N_("IMEI of its card module"), "code", shown=False),
    ),
    fetch=fetch,
    filters=(
        Filter("q", N_("Name, code, address")),
        Filter("state", N_("State"), tuple((value, label) for value, (_, label) in STATES.items())),
        Filter("kind", N_("Kind"), tuple((value, label) for value, (_, label) in KINDS.items())),
        Filter("maker", N_("Maker or model")),
        Filter("gateway", N_("Gateway")),
    ),
    row_href=lambda row: f"/devices/{quote(row['code'])}",
    key="code",
    live=("code", "main_quantity", "seen"),
    empty_title=N_("No device stands here yet"),
    empty_next=N_("Put one on the site plan and import it, or look at a place further up."),
)


@cache
def _makers() -> dict[str, tuple[str, str]]:
    """Profile -> maker and model, in Chinese and English. The profiles shipped do not change while the server runs."""
    return {name: (f"{one.maker.zh} {one.model}", f"{one.maker.en} {one.model}") for name, one in load_profiles().items()}


def _maker(profile: str) -> tuple[str, str]:
    return _makers().get(profile, (profile, profile))


def _profiles_of(text: str) -> list[str]:
    """Profiles whose maker, model or own name holds the text."""
    wanted = text.lower()
    return [name for name, (chinese, english) in _makers().items() if wanted in f"{name} {chinese} {english}".lower()]
