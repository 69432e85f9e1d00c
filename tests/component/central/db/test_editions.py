"""Editions: what stores the readings is what the server offers, and asking twice changes nothing."""

from __future__ import annotations

from central.db.editions import Edition, apply_edition, detect
from central.db.pool import connect


def test_edition_follows_what_the_server_offers(database: str):
    with connect(database, autocommit=True) as conn:
        preloaded = conn.execute("show shared_preload_libraries").fetchone()

        assert (detect(conn) is Edition.PLAIN) == ("timescaledb" not in preloaded[0])


def test_applying_again_keeps_the_edition_and_the_readings(database: str):
    with connect(database, autocommit=True) as conn:
        conn.execute("insert into reading values (1, now(), 5, 0)")

        assert apply_edition(conn) is detect(conn)
        assert conn.execute("select value from reading").fetchall() == [(5,)]
