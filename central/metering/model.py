"""What metering knows: places, devices, values, and the difference a site plan makes. Frozen; times are Unix milliseconds UTC."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Generic, Literal, TypeVar

T = TypeVar("T")

# A device is online while its newest value is younger than the first, stale until the second, then silent. In SQL: queries.sql, device_rows.
ONLINE_WITHIN_S = 30 * 60
STALE_WITHIN_S = 24 * 3600

DeviceState = Literal["online", "stale", "silent"]


@dataclass(frozen=True, slots=True)
class PlaceNode:
    """A place as the tree shows it. `device_count`: devices in it and everywhere below."""

    code: str
    parent: str | None
    kind: str
    name_zh: str
    name_en: str
    child_count: int
    device_count: int


@dataclass(frozen=True, slots=True)
class DeviceRow:
    """A device as a list shows it."""

    code: str
    name_zh: str
    name_en: str
    profile: str
    kind: str
    address: str
    gateway: str | None
    line: str | None
    place: str
    last_measured_at_ms: int | None
    state: DeviceState


@dataclass(frozen=True, slots=True)
class Installation:
    """One stay of a device at a metering point. `removed_at_ms`: None while it stands there. Registers: quantity -> base-unit integer."""

    point: str
    device: str
    installed_at_ms: int
    removed_at_ms: int | None
    ct: int
    pt: int
    opening: Mapping[str, int]
    closing: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class DeviceView:
    """Everything about one device but its values. `removed`: no longer on the plan, history kept."""

    code: str
    name_zh: str
    name_en: str
    profile: str
    kind: str
    address: str
    gateway: str | None
    line: str | None
    place: str
    poll_s: Mapping[str, int]
    removed: bool
    last_measured_at_ms: int | None
    state: DeviceState
    quantities: tuple[str, ...] = ()
    installations: tuple[Installation, ...] = ()


@dataclass(frozen=True, slots=True)
class LatestValue:
    """The newest value of one series, in the quantity's base unit."""

    quantity: str
    value: int
    measured_at_ms: int
    quality: int


@dataclass(frozen=True, slots=True)
class Point:
    """One point of a curve."""

    at_ms: int
    value: int
    quality: int


@dataclass(frozen=True, slots=True)
class Hit:
    """One search result. `place`: where it is. `device`: what stands at a metering point now.

    `way_*`: names of the places above, from the topmost that the asker may see.
    """

    kind: Literal["place", "device", "gateway", "point"]
    code: str
    title_zh: str
    title_en: str
    subtitle: str
    place: str
    device: str | None
    way_zh: list[str]
    way_en: list[str]


@dataclass(frozen=True, slots=True)
class Overview:
    """The site in numbers. Device counts may lag by some seconds."""

    places: int
    devices: int
    devices_online: int
    devices_stale: int
    devices_silent: int
    gateways: int
    gateways_online: int
    readings_last_hour: int
    batches_last_hour: int
    quarantine_waiting: int
    last_received_at_ms: int | None


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """A slice of a longer list."""

    items: tuple[T, ...]
    total: int
    offset: int
    limit: int


class Change(StrEnum):
    """What importing a plan does to one thing."""

    CREATED = "created"
    UPDATED = "updated"
    REMOVED = "removed"


@dataclass(frozen=True, slots=True)
class PlanRow:
    """One thing that changes. `fields`: name -> (before, after) for updates."""

    kind: Literal["place", "gateway", "line", "device", "reporter", "point", "installation"]
    code: str
    change: Change
    fields: Mapping[str, tuple[object, object]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PlanDiff:
    """What a plan changes (preview) or changed. `version`: of the stored plan; None for a preview or when nothing was new."""

    created: int
    updated: int
    unchanged: int
    removed: int
    rows: tuple[PlanRow, ...]
    preview: bool
    version: int | None = None
