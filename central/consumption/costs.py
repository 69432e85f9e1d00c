"""What points and places cost over some days: their days' energy by rate and tariff version, by what is known today."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np

from central.consumption.cost import cost
from central.consumption.days import bounds
from central.consumption.model import RATES, Integers
from central.consumption.tariff import Tariff, version_of
from central.consumption.tariffs import parsed_versions
from central.db.pool import Connection
from central.db.statements import load_statements, rows
from protocol.errors import ConfigError

log = logging.getLogger(__name__)

_SQL = load_statements("central.consumption")
MAX_DAYS = 3700


@dataclass(frozen=True, slots=True)
class CostLine:
    """Energy in one rate of one tariff version. `price`: 1/10000 yuan a kWh (a cubic metre of water)."""

    valid_from: date
    rate: str
    value: int
    price: int
    fen: int


@dataclass(frozen=True, slots=True)
class CostFigures:
    """`total_fen`: exact cost rounded once; the lines' `fen` sum to it. `value`: all that is known, of which `unpriced` has no tariff."""

    code: str
    medium: str
    value: int
    unpriced: int
    coverage: float
    lines: list[CostLine]
    total_fen: int


@dataclass(frozen=True, slots=True)
class DayRates:
    """A day's energy by rate, and how much of it is known."""

    day: date
    rates: list[int]
    due_s: int
    known_s: int


def point_cost(conn: Connection, zone: str, code: str, point_id: int, medium: str, since: date, until: date) -> CostFigures:
    """A point, both days included. Raises ConfigError for a range that is none."""
    _check_range(since, until)
    found = rows(conn, _SQL["rates_of_point"], DayRates, id=point_id, since=since, until=until)
    due_s = (bounds(until, zone)[1] - bounds(since, zone)[0]) // 1000
    return priced(code, medium, found, parsed_versions(conn).get(medium, ()), due_s)


def place_cost(conn: Connection, code: str, medium: str, since: date, until: date) -> CostFigures:
    """A place with everything in it; `coverage` of the days of which something is known. Raises ConfigError for a range that is none."""
    _check_range(since, until)
    found = rows(conn, _SQL["rates_of_place"], DayRates, place=code, medium=medium, since=since, until=until)
    return priced(code, medium, found, parsed_versions(conn).get(medium, ()), sum(row.due_s for row in found))


def priced(code: str, medium: str, found: Iterable[DayRates], versions: Sequence[tuple[date, Tariff]], due_s: int) -> CostFigures:
    """What some days cost. `versions`: of the medium's tariff, in order; `due_s`: seconds there are to be known."""
    energies: dict[date | None, Integers] = {}
    known_s = 0
    for row in found:
        version = version_of(versions, row.day)
        valid_from = None if version is None else version[0]
        energies[valid_from] = energies.get(valid_from, np.zeros(len(RATES), np.int64)) + np.array(row.rates, np.int64)
        known_s += row.known_s
    _set_aside(energies, dict(versions))
    lines, total_fen = _lines(energies, dict(versions))
    value = sum(int(one.sum()) for one in energies.values())
    unpriced = int(energies[None].sum()) if None in energies else 0
    return CostFigures(code, medium, value, unpriced, round(min(1.0, known_s / due_s), 4) if due_s else 0.0, lines, total_fen)


def _set_aside(energies: dict[date | None, Integers], tariffs: Mapping[date, Tariff]) -> None:
    """Days that still stand as an earlier tariff split them hold rates this one has no price for: without a price until they are computed again."""
    for valid_from in [start for start in energies if start is not None]:
        without = np.array([price is None for price in tariffs[valid_from].prices])
        if (left := energies[valid_from][without].sum()) != 0:
            energies[None] = energies.get(None, np.zeros(len(RATES), np.int64)) + np.where(without, energies[valid_from], 0)
            energies[valid_from] = np.where(without, 0, energies[valid_from])
            log.info("%d Wh under the tariff of %s have no price; their days are computed again", left, valid_from)


def _lines(energies: Mapping[date | None, Integers], tariffs: Mapping[date, Tariff]) -> tuple[list[CostLine], int]:
    priced = [(start, energies[start]) for start in sorted(start for start in energies if start is not None)]
    found = cost([(tariffs[valid_from], energy) for valid_from, energy in priced])
    starts = [valid_from for valid_from, energy in priced for amount in energy.tolist() if amount]
    lines = [CostLine(start, line.rate, line.energy_wh, line.price, line.fen) for start, line in zip(starts, found.lines, strict=True)]
    return lines, found.total_fen


def _check_range(since: date, until: date) -> None:
    if not 0 <= (until - since).days < MAX_DAYS:
        raise ConfigError(f"the range {since} to {until} must end on or after its first day and have at most {MAX_DAYS} days")
