"""Byte-string registers by identifier: what DL/T 645 and CJ/T 188 devices keep, filled from the instrument by the profile's items."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from protocol.profile_items import Item188, Item1997, Item2007
from provisioning.virtual.devices.encoding import RawScale, encode_bytes, raw_scale
from provisioning.virtual.instrument import Instrument

_UNIT_CODES = {"Wh": 0x02, "kWh": 0x05, "MWh": 0x08, "W": 0x14, "kW": 0x17, "L": 0x29, "m3": 0x2C, "m3/h": 0x35}  # CJ/T 188-2004 table 3
_Item = Item2007 | Item1997 | Item188
Piece = tuple[str, int, Callable[[float], bytes]]  # identifier, offset in its data, what stands there at an instant


class ByteRegisters:
    """One device's registers. `captured` bytes are answered as they are, instead of what the instrument says.

    `templates`: what stands around a register's items, as a function of time; `pieces`: what stands there beside them.
    """

    def __init__(
        self,
        items: Sequence[_Item],
        blocks: Mapping[str, Sequence[str]],
        instrument: Instrument,
        *,
        ct: int,
        pt: int,
        captured: Mapping[str, bytes] | None = None,
        templates: Mapping[str, Callable[[float], bytes]] | None = None,
        pieces: Sequence[Piece] = (),
    ) -> None:
        self._instrument = instrument
        self._blocks = blocks
        self._captured = {di.upper(): data for di, data in (captured or {}).items()}
        self._templates = templates or {}
        self._fields: dict[str, list[tuple[_Item, RawScale]]] = {}
        for item in items:
            self._fields.setdefault(item.di, []).append((item, raw_scale(item, ct, pt)))
        self._pieces: dict[str, list[tuple[int, Callable[[float], bytes]]]] = {}
        for di, offset, tell in pieces:
            self._pieces.setdefault(di, []).append((offset, tell))

    def payload(self, di: str, at_s: float) -> bytes | None:
        """Return the data behind an identifier, low byte first, without the protocol's own offset; None if there is no such register."""
        if di in self._captured:
            return self._captured[di]
        if di in self._fields or di in self._pieces:
            return self._compose(di, at_s)
        if di not in self._blocks:
            return None
        parts = [self.payload(part, at_s) for part in self._blocks[di]]
        return b"".join(part for part in parts if part is not None)

    def fields(self, di: str) -> Sequence[tuple[_Item, RawScale]]:
        """Return the items behind an identifier."""
        return self._fields.get(di, ())

    def _compose(self, di: str, at_s: float) -> bytes:
        fields = self._fields.get(di, [])
        pieces = [(offset, tell(at_s)) for offset, tell in self._pieces.get(di, ())]
        template = self._templates[di](at_s) if di in self._templates else b""
        ends = [item.offset + item.size if item.offset >= 0 else -item.offset for item, _ in fields]
        ends += [item.unit_at + 1 for item, _ in fields if isinstance(item, Item188) and item.unit_at is not None]
        length = max(len(template), *ends, *(offset + len(text) for offset, text in pieces), 0)
        data = bytearray(template.ljust(length, b"\x00"))
        for offset, text in pieces:
            data[offset : offset + len(text)] = text
        for item, scale in fields:
            at = item.offset if item.offset >= 0 else length + item.offset
            self._put(data, at, item, scale, at_s)
        return bytes(data)

    def _put(self, data: bytearray, at: int, item: _Item, scale: RawScale, at_s: float) -> None:
        value = self._instrument.value(item.quantity, at_s)
        if item.bits is not None:
            lowest, width = item.bits
            raw = int.from_bytes(data[at : at + item.size], "little") | (value & (1 << width) - 1) << lowest
            data[at : at + item.size] = raw.to_bytes(item.size, "little")
            return
        encoded = encode_bytes(item, scale.raw(value))
        if item.spec.base_unit == "word":  # a status word and single flags of it may both be items
            encoded = bytes(a | b for a, b in zip(encoded, data[at : at + item.size], strict=True))
        data[at : at + item.size] = encoded
        if isinstance(item, Item188) and item.unit_at is not None:
            data[item.unit_at] = _UNIT_CODES[item.unit]
