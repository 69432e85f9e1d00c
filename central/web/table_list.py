"""Every table of the console by its name: what an export job, a saved filter or a batch action may name."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from central.web.tables import TableSpec

_SPECS: tuple[TableSpec, ...] = ()

TABLES: Mapping[str, TableSpec] = MappingProxyType({spec.name: spec for spec in _SPECS})
