"""The conformance report of a profile as one HTML page, complete in itself: it opens from a mail or a folder. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from fractions import Fraction

from jinja2 import Environment, PackageLoader, StrictUndefined

from protocol.profile import AnyProfile
from protocol.quantities import QUANTITIES
from provisioning.profiles.budget import Cost
from provisioning.profiles.checks import Conformance


def report_page(runs: Sequence[Conformance], costs: Sequence[Cost], made_at: datetime) -> str:
    """Return the page for runs of one profile (virtual, device)."""
    profile = runs[0].profile
    checks = [check for run in runs for check in run.checks]
    trials = {where: trial for run in runs for where, trial in run.trials.items()}
    counts = Counter({"passed": 0, "failed": 0, "skipped": 0}) + Counter(check.state for check in checks)
    serial = profile.serial
    return (
        _environment()
        .get_template("report.html.j2")
        .render(
            profile=profile,
            serial=f"{serial.baud} {serial.data_bits}{serial.parity}{serial.stop_bits}",
            passed=all(run.passed for run in runs),
            counts={state: counts[state] for state in ("passed", "failed", "skipped")},
            made=f"{made_at:%Y-%m-%d %H:%M}",
            wheres=list(trials),
            values=[_row(profile, quantity, [trial.values for trial in trials.values()]) for quantity in _quantities(profile)],
            costs=costs,
            checks=checks,
        )
    )


def index_page(runs: Sequence[Conformance], made_at: datetime) -> str:
    """Return the list of reports, worst first."""
    rows = []
    for run in sorted(runs, key=lambda run: (run.passed, run.profile.profile)):
        counts = Counter(check.state for check in run.checks)
        rows.append({"profile": run.profile, "page": page_name(run.profile), "passed": run.passed, "counts": counts})
    return _environment().get_template("index.html.j2").render(rows=rows, made=f"{made_at:%Y-%m-%d %H:%M}")


def page_name(profile: AnyProfile) -> str:
    """The file a profile's report stands in."""
    return f"{profile.profile.replace('/', '_')}.html"


def _environment() -> Environment:
    return Environment(loader=PackageLoader("provisioning.profiles"), autoescape=True, undefined=StrictUndefined)


def _quantities(profile: AnyProfile) -> list[str]:
    return list(dict.fromkeys(item.quantity for item in profile.items))


def _row(profile: AnyProfile, quantity: str, seen: Sequence[dict[str, int]]) -> dict[str, object]:
    spec = QUANTITIES[quantity]
    item = next(item for item in profile.items if item.quantity == quantity)
    return {
        "quantity": quantity,
        "zh": spec.name_zh,
        "en": spec.name_en,
        "shown": [spec.shown(values[quantity]) if quantity in values else "—" for values in seen],
        "step": _step(item.factor(), spec.base_unit),
    }


def _step(factor: Fraction, unit: str) -> str:
    return "" if unit in ("state", "word") else f"{float(abs(factor)):g} {unit}"
