"""What lets us write to a device: its password, and in whose name we write."""

from __future__ import annotations

from dataclasses import dataclass, field

from protocol.errors import EncodeError


@dataclass(frozen=True, slots=True)
class Access:
    """The password of one level of a DL/T 645 meter, as printed. Other protocols have none.

    `level`: None = the one the profile names for what is done; `operator`: eight digits the meter keeps in its event log.
    """

    password: str = field(default="000000", repr=False)
    operator: str = "00000000"
    level: str | None = None

    def __post_init__(self) -> None:
        if len(self.password) != 6 or not self.password.isdecimal():
            raise EncodeError("the password of a meter has six digits")
        if len(self.operator) != 8 or not self.operator.isalnum():
            raise EncodeError(f"operator {self.operator!r}: expected eight hexadecimal digits")
        if self.level is not None and (len(self.level) != 2 or not self.level.isdecimal()):
            raise EncodeError(f"level {self.level!r}: expected two digits")


HIDDEN = Access()  # stands in logs where a real password was sent
