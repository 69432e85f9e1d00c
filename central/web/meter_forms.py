"""What people type into the forms about a meter, turned into what the platform takes. Pure.

Registers are typed as the meter shows them (kWh, m³), times in the site's zone; both become base-unit integers and Unix milliseconds here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation
from zoneinfo import ZoneInfo

from pydantic import ValidationError

from central.metering.correct_ratio import Correction
from central.metering.replacement import Swap
from central.web.translations import N_
from protocol.errors import ConfigError
from protocol.quantities import Quantity

BAD_NUMBER = N_("This is no number the meter can show; type it with its digits behind the point and no unit.")
BAD_TIME = N_("This is no time; type it as 2026-11-22 08:30.")
BAD_FIELD = N_("This cannot be so; look at it again.")


@dataclass(frozen=True, slots=True)
class Typed:
    """A form as it was typed; empty texts where nothing was. `register`: of the meter that goes, `new_register`: of the one that comes."""

    fields: Mapping[str, str]
    zone: ZoneInfo
    register: Quantity | None
    new_register: Quantity | None

    def text(self, name: str) -> str:
        """What stands in a field, without blanks around it."""
        return self.fields.get(name, "").strip()


def swap_of(typed: Typed, point: str, device: str) -> Swap:
    """The replacement a form describes. Raises ConfigError with `field` and `problem`, the text to show there."""
    closing, opening = _register(typed, "closing", typed.register), _register(typed, "opening", typed.new_register)
    new = {name: value for name in ("address", "profile", "imei", "ct", "pt") if (value := typed.text(name))}
    try:
        return Swap.model_validate(
            {
                "key": typed.text("key"),
                "point": point,
                "device": device,
                "removed_at_ms": instant(typed.text("removed_at"), typed.zone, "removed_at"),
                "installed_at_ms": instant(typed.text("installed_at"), typed.zone, "installed_at"),
                "closing": closing,
                "opening": opening,
                "unreadable": typed.text("unreadable") or None,
                "new": new,
                "person": typed.text("person"),
                "reason": typed.text("reason"),
                **{name: bool(typed.text(name)) for name in ("readings_are_new", "confirmed", "allow_closed")},
            }
        )
    except ValidationError as error:
        raise _refused(error) from error


def correction_of(typed: Typed) -> Correction:
    """The correction of a ratio a form describes. Raises ConfigError with `field` and `problem`."""
    ratio = {name: typed.text(name) for name in ("ct", "pt", "numerator", "denominator") if typed.text(name)}
    try:
        return Correction.model_validate({"installation": typed.text("installation"), "ratio": ratio, "reason": typed.text("reason")})
    except ValidationError as error:
        raise _refused(error) from error


def base_units(text: str, quantity: Quantity, field: str) -> int:
    """12,345.67 of a register shown in kWh -> 12345670 Wh. Raises ConfigError for what the register cannot show."""
    try:
        number = Decimal(text.replace(",", "").replace("\N{NARROW NO-BREAK SPACE}", "")).scaleb(quantity.decimals)
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite() or number != number.to_integral_value() or abs(number) > 2**53:
        raise ConfigError(f"{field}: {text!r} is no {quantity.display_unit or 'number'} of {quantity.code}", field=field, problem=BAD_NUMBER)
    return int(number)


def instant(text: str, zone: ZoneInfo, field: str) -> int:
    """A local time (2026-11-22T08:30) as Unix milliseconds. Raises ConfigError."""
    try:
        return int(datetime.fromisoformat(text).replace(tzinfo=zone).timestamp() * 1000)
    except (ValueError, OverflowError):
        raise ConfigError(f"{field}: {text!r} is no time such as 2026-11-22T08:30", field=field, problem=BAD_TIME) from None


def _register(typed: Typed, field: str, quantity: Quantity | None) -> dict[str, int]:
    text = typed.text(field)
    return {} if not text or quantity is None else {quantity.code: base_units(text, quantity, field)}


def _refused(error: ValidationError) -> ConfigError:
    first = error.errors()[0]
    field = str(first["loc"][-1]) if first["loc"] else ""
    return ConfigError(f"{'.'.join(map(str, first['loc']))}: {first['msg']}", field=field, problem=BAD_FIELD)
