"""A virtual water meter with an IoT card: what it has counted, what it says when it wakes, what it does when it is told something.

Its frames are made here and not by protocol.wire: two implementations check each other. Everything follows from the seed and the time asked for, so
that a report of yesterday can be made today. `python -m provisioning.virtual.iot` (see iot_play) lets the reporting devices of a site plan report.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

HOUR_S = 3600
_HEAD, _TAIL, _COLD, _CUBIC_METRES = 0x68, 0x16, 0x10, 0x2C
_VALVES = {"valve_open": "open", "valve_close": "closed"}
_ACTIONS = {0x55: "open", 0x99: "closed"}
_USE_L = (2, 1, 0, 0, 0, 4, 30, 60, 25, 12, 10, 30, 40, 15, 8, 8, 12, 30, 45, 40, 35, 60, 50, 20)  # a dormitory floor by the hour of China
_CHINA_H = 8


@dataclass
class IotMeter:
    """One meter. `number`: 14 digits; `zone`: of its clock. `now_s` of every call: Unix seconds."""

    imei: str
    number: str
    seed: int
    zone: str = "Asia/Shanghai"
    start_l: int = 100_000
    every_h: int = 24
    valve: str = "open"
    alarms: list[str] = field(default_factory=list)
    results: list[dict[str, Any]] = field(default_factory=list)
    wanted_history: list[tuple[int, int]] = field(default_factory=list)
    done: dict[int, bool] = field(default_factory=dict)
    shut_since_s: float | None = None

    def volume_l(self, at_s: float) -> int:
        """The register at an instant; a shut valve stops it."""
        upto = at_s if self.shut_since_s is None else min(at_s, self.shut_since_s)
        hours = int(upto // HOUR_S)
        day, rest = divmod(hours, 24)
        share = (upto % HOUR_S) / HOUR_S
        whole = day * sum(_USE_L) + sum(self._used(hour) for hour in range(rest))
        return self.start_l + whole - _EPOCH_DAYS * sum(_USE_L) + int(self._used(rest) * share)

    def report(self, now_s: float) -> dict[str, Any]:
        """What it says at an instant, in central's documented shape; results and history asked for go out once."""
        chance = random.Random(f"{self.seed}/{int(now_s)}")
        since_s = now_s // HOUR_S * HOUR_S
        hours = [since_s - HOUR_S * back for back in range(24)]
        for from_ms, to_ms in self.wanted_history:
            first = -(-from_ms // 1000 // HOUR_S) * HOUR_S
            hours += [at for at in range(first, to_ms // 1000, HOUR_S) if at < hours[-1]][:150]
        said = {
            "imei": self.imei,
            "meter": self.number,
            "meter_time": datetime.fromtimestamp(int(now_s), ZoneInfo(self.zone)).isoformat(),
            "volume_l": self.volume_l(int(now_s)),
            "valve": self.valve,
            "battery_mv": 3650 - int(now_s // 86_400) % 200,
            "rsrp_dbm": -chance.randint(80, 118),
            "snr_tenth_db": chance.randint(-30, 200),
            "retries": chance.choice((0, 0, 0, 1, 2)),
            "alarms": list(self.alarms),
            "firmware": "virtual-1",
            "report_every_h": self.every_h,
            "freezes": [{"at": int(at) * 1000, "volume_l": self.volume_l(at)} for at in sorted(hours)],
            "results": self.results,
        }
        self.results, self.wanted_history = [], []
        return said

    def push(self, now_s: float) -> bytes:
        """The same as a CJ/T 188 frame: a 901F reply that nobody asked for."""
        register = f"{self.volume_l(now_s) // 10:08d}"
        clock = datetime.fromtimestamp(now_s, UTC).astimezone(ZoneInfo(self.zone)).strftime("%Y%m%d%H%M%S")
        status = (0 if self.valve == "open" else 1) | ("battery_low" in self.alarms) << 2
        data = bytes.fromhex(register)[::-1] + bytes([_CUBIC_METRES])
        return self._framed(0x81, b"\x90\x1f\x00" + data + data + bytes.fromhex(clock)[::-1] + bytes([status, 0]))

    def obey(self, commands: Sequence[Mapping[str, Any]], now_s: float) -> None:
        """Do what it is told, each command once; what came of it is said with the next report."""
        for command in commands:
            number = int(command["id"])
            if number in self.done:
                continue
            if now_s * 1000 >= command["expires_at_ms"]:
                self._answer(number, False, "expired")
            elif command["kind"] in _VALVES:
                self._turn(_VALVES[command["kind"]], now_s)
                self._answer(number, True, "")
            elif command["kind"] == "set_report_period":
                self.every_h = int(command["arguments"]["every_h"])
                self._answer(number, True, "")
            elif command["kind"] == "read_history":
                self.wanted_history.append((command["arguments"]["from_ms"], command["arguments"]["to_ms"]))
                self._answer(number, True, "")
            else:
                self._answer(number, False, f"unknown kind {command['kind']}")

    def obey_frames(self, received: bytes, now_s: float) -> tuple[bool, bytes]:
        """(whether our report was acknowledged, what to reply to valve commands) for the bytes that came back."""
        acknowledged, replies = False, b""
        for control, data in self._frames(received):
            acknowledged |= control == 0x00
            if control == 0x04 and data[:2] in (b"\xa0\x17", b"\x17\xa0") and data[3:4] and data[3] in _ACTIONS:
                self._turn(_ACTIONS[data[3]], now_s)
                replies += self._framed(0x84, data[:3] + bytes([0 if self.valve == "open" else 1, 0]))
        return acknowledged, replies

    def _used(self, hour: int) -> int:
        return _USE_L[(hour + _CHINA_H) % 24]

    def _turn(self, to: str, now_s: float) -> None:
        if to != self.valve:
            if to == "open" and self.shut_since_s is not None:
                self.start_l -= self._passed_meanwhile(now_s)
            self.shut_since_s = now_s if to == "closed" else None
            self.valve = to

    def _passed_meanwhile(self, now_s: float) -> int:
        """What would have been used behind the shut valve."""
        shut_at = self.volume_l(now_s)
        since, self.shut_since_s = self.shut_since_s, None
        meanwhile = self.volume_l(now_s) - shut_at
        self.shut_since_s = since
        return meanwhile

    def _answer(self, number: int, ok: bool, text: str) -> None:
        self.done[number] = ok
        self.results.append({"command": number, "ok": ok, "text": text})

    def _framed(self, control: int, data: bytes) -> bytes:
        body = bytes([_HEAD, _COLD]) + bytes.fromhex(self.number.zfill(14))[::-1] + bytes([control, len(data)]) + data
        return body + bytes([sum(body) % 256, _TAIL])

    def _frames(self, received: bytes) -> list[tuple[int, bytes]]:
        """(control, data) of every whole frame in some bytes."""
        found, at = [], received.find(_HEAD)
        while 0 <= at <= len(received) - 13:
            end = at + 13 + received[at + 10]
            if end <= len(received) and received[end - 1] == _TAIL and sum(received[at : end - 2]) % 256 == received[end - 2]:
                found.append((received[at + 9], received[at + 11 : end - 2]))
                at = received.find(_HEAD, end)
            else:
                at = received.find(_HEAD, at + 1)
        return found


_EPOCH_DAYS = 20_000  # days between 1970 and October 2024: registers begin small


if __name__ == "__main__":
    from provisioning.virtual.iot_play import main

    raise SystemExit(main())
