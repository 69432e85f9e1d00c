"""By which factor registers became consumption, stay by stay, with every correction of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from central.db.pool import Connection
from central.db.statements import load_statements, rows

_SQL = load_statements("central.metering")


@dataclass(frozen=True, slots=True)
class FactorCorrection:
    """What a person corrected of a stay: names (ct, pt, numerator, denominator) with their numbers before and after."""

    installation: int
    before: Mapping[str, int]
    after: Mapping[str, int]
    reason: str
    actor: str
    at_ms: int


@dataclass(frozen=True, slots=True)
class Factor:
    """One stay: consumption = register difference x ct x pt x numerator / denominator. `version`: 1 until it is corrected; corrections newest first.

    `register`: the quantity that counts; `rollover`: where it wraps to 0; `max_per_hour`: what can pass the meter, base units.
    """

    installation: int
    point: str
    device: str
    installed_at_ms: int
    removed_at_ms: int | None
    ct: int
    pt: int
    numerator: int
    denominator: int
    register: str | None
    rollover: int | None
    max_per_hour: int | None
    version: int
    corrections: Sequence[FactorCorrection] = ()

    @property
    def ratio(self) -> Fraction:
        """All of it in one number."""
        return Fraction(self.ct * self.pt * self.numerator, self.denominator)


def factors(conn: Connection, device: str | None = None, point: str | None = None) -> list[Factor]:
    """Of every stay of a device, or of every meter at a point; newest first."""
    found = rows(conn, _SQL["factors"], Factor, device=device, point=point)
    corrections = rows(conn, _SQL["corrections"], FactorCorrection, ids=[row.installation for row in found])
    return [replace(row, corrections=[one for one in corrections if one.installation == row.installation]) for row in found]
