"""Amounts of electricity and water as people read them: number and unit. No money here. Pure."""

from __future__ import annotations

from central.web.translations import N_

_MEGA_WH = 100_000_000  # 100,000 kWh and more are said in MWh
NAMES = {"electricity": N_("Electricity"), "water": N_("Water")}


def amount(medium: str, value: int | None) -> tuple[str, str]:
    """Base units (Wh, litre) as grouped digits and their unit; an unknown amount is a dash. More digits than three do not help anybody."""
    if medium == "electricity":
        unit, number = ("MWh", value / 1_000_000) if value is not None and abs(value) >= _MEGA_WH else ("kWh", (value or 0) / 1000)
    else:
        unit, number = "m³", (value or 0) / 1000
    return ("—" if value is None else _digits(number)), unit


def rate(medium: str, value: int | None) -> tuple[str, str]:
    """Base units an hour as power (kW) or flow (m³/h)."""
    return ("—" if value is None else _digits(value / 1000)), "kW" if medium == "electricity" else "m³/h"


def percent(basis_points: int | None) -> str:
    """9876 -> '98.7', cut and never rounded up: all of it only if nothing lacks."""
    if basis_points is None:
        return "—"
    return "100" if basis_points >= 10_000 else f"{basis_points // 10 / 10:.1f}"


def _digits(number: float) -> str:
    return f"{number:,.0f}" if abs(number) >= 1000 else f"{number:,.1f}"
