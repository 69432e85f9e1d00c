"""The webhook as a vendor's platform meets it: signed requests to the whole application."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from central.context import Central
from central.db.pool import Connection, Pool
from central.iot.signature import sign
from central.settings import IotSettings, Settings
from central.web.app import create_app

NOW_MS = 1_800_000_000_000
NOW_S = NOW_MS // 1000
SECRET = b"a-secret-of-the-vendor"
Post = Callable[..., httpx.Response]


@pytest.fixture
def post(iot_site: Connection, pool: Pool, fresh_database: str, tmp_path: Path) -> Post:
    """`post(document, nonce=..., secret=..., stamp=..., body=...)`: one signed request to source acme."""
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys" / "acme.key").write_text(f"the-next-secret-of-acme\n{SECRET.decode()}\n")
    (tmp_path / "keys" / "short.key").write_text("short\n")
    settings = Settings(data_dir=tmp_path, iot=IotSettings(secrets_dir=tmp_path / "keys"))
    app = create_app(Central(settings, pool, lambda: float(NOW_S), fresh_database))
    numbers = iter(range(1000))

    def send(document: Any, source: str = "acme", secret: bytes = SECRET, stamp: int = NOW_S, nonce: str = "", **more: Any) -> httpx.Response:
        body = more.pop("body", None) or json.dumps(document).encode()
        nonce = nonce or f"nonce-{next(numbers):04}"
        headers = {"x-ce-timestamp": str(stamp), "x-ce-nonce": nonce, "x-ce-signature": sign(secret, str(stamp), nonce, body)} | more
        headers["content-type"] = "application/json"

        async def go() -> httpx.Response:
            async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
                return await client.post(f"/api/v1/iot/reports/{source}", content=body, headers=headers)

        return asyncio.run(go())

    return send


def said(imei: str = "868000000000011", **fields: Any) -> dict[str, Any]:
    return {"imei": imei, "meter_time": NOW_MS, "volume_l": 100} | fields


def test_one_report_and_many_are_answered_one_by_one(post, sql):
    alone = post(said())
    many = post([said(), said(volume_l=101, meter_time=NOW_MS + 1), said(imei="868000000000099"), {"imei": "1"}, 7])

    assert alone.json() == {"results": [{"result": "stored", "meter": "i1"}]}
    assert [one["result"] for one in many.json()["results"]] == ["repeated", "stored", "set_aside", "refused", "refused"]
    assert sql("select count(*) from iot_report") == [(2,)]
    assert sorted(row[0] for row in sql("select reason from quarantine")) == ["iot.bad_report", "iot.bad_report", "iot.unknown_meter"]


def test_a_frame_in_an_envelope_is_answered_with_frames(post, sql):
    frame = bytes.fromhex("68100110000000000081161F9000345612002C000000002C00001615012720" + "0400")
    frame += bytes([sum(frame) % 256, 0x16])

    plain = post({"imei": "868000000000011", "payload": frame.hex(), "reported_at": "2027-01-15T16:00:00+08:00"}).json()["results"][0]

    assert (plain["result"], plain["meter"]) == ("stored", "i1")
    assert plain["acknowledgement"].startswith("FEFE6810011000000000000003" + "1F9000")
    assert sql("select state ->> 'water_volume', state ->> 'battery_low' from iot_state") == [("1256340", "1")]
    assert sql("select extract(epoch from measured_at)::bigint from iot_state") == [(NOW_S,)]


@pytest.mark.parametrize(
    ("how", "problem"),
    [
        ({"secret": b"another-secret-altogether"}, "bad_signature"),
        ({"stamp": NOW_S - 301}, "clock"),
        ({"stamp": NOW_S + 301}, "clock"),
        ({"x-ce-signature": ""}, "unsigned"),
        ({"nonce": "short"}, "unsigned"),
        ({"source": "nobody"}, "unknown_source"),
        ({"source": "short", "secret": b"short"}, "unknown_source"),
        ({"source": "..%2Facme"}, None),
    ],
)
def test_what_is_not_signed_is_refused_and_stores_nothing(post, sql, how, problem):
    answer = post(said(), **how)

    assert answer.status_code == (401 if problem else 404)
    assert problem is None or answer.json()["error"]["details"]["problem"] == problem
    assert sql("select count(*) from iot_report") == [(0,)]


def test_a_changed_body_breaks_the_signature(post):
    body = json.dumps(said()).encode()
    right = sign(SECRET, str(NOW_S), "nonce-abcd", body)

    answer = post(None, nonce="nonce-abcd", body=body.replace(b"100", b"900"), **{"x-ce-signature": right})

    assert answer.status_code == 401


def test_a_replayed_nonce_is_refused(post, sql):
    assert post(said(), nonce="nonce-once").status_code == 200
    answer = post(said(volume_l=5), nonce="nonce-once")

    assert (answer.status_code, answer.json()["error"]["details"]["problem"]) == (409, "replayed")
    assert sql("select count(*) from iot_report") == [(1,)]


def test_a_key_is_exchanged_without_a_gap(post):
    assert post(said(), secret=b"the-next-secret-of-acme").status_code == 200
    assert post(said(), secret=SECRET).status_code == 200


def test_a_request_that_failed_may_come_again_as_it_was(post, sql):
    broken = post(None, nonce="nonce-again", body=b"{no json")

    assert (broken.status_code, post(said(), nonce="nonce-again").status_code) == (422, 200)


def test_too_much_is_refused(post):
    assert post([said()] * 501).status_code == 422
    assert post(None, body=b" " * ((1 << 20) + 1)).status_code == 422


def test_the_signature_in_the_manual_is_right():
    """docs/iot-meters.md shows a request and its signature."""
    text = (Path(__file__).resolve().parents[4] / "docs" / "iot-meters.md").read_text(encoding="utf-8")
    shown = dict(line.split(": ", 1) for line in text.splitlines() if line.startswith("X-CE-"))
    body = text.split("<!-- body -->\n```json\n")[1].split("\n```")[0]
    secret = text.split("secret `")[1].split("`")[0]

    assert sign(secret.encode(), shown["X-CE-Timestamp"], shown["X-CE-Nonce"], body.encode()) == shown["X-CE-Signature"]
