"""The broker's certificate ends and is renewed.

What is exercised: a broker with TLS under load; then its certificate is one that ended a second ago and every connection has to shake hands again (on
a connection that stands, nobody looks at it); later a new certificate of the same authority is put in place. Judged: no gateway talks to the broker
with the ended certificate and its log says why, the outbox goes on accepting, and everything is stored after the renewal. Not covered: an alarm
before the end (not built), renewal of the gateway's own certificate, a change of the authority.
"""

from __future__ import annotations

import subprocess
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

from tests.faults.book import settle
from tests.faults.chain import Chain, chain
from tests.faults.scenario import Outcome, Size
from tests.faults.wait import wait

TITLE = "certificate ends and is renewed"
NEEDS = ("linux", "mosquitto", "openssl")
_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1")
_CONFIG = """
[ca]
default_ca = one
[one]
new_certs_dir = {folder}
database = {folder}/index
serial = {folder}/serial
default_md = sha256
policy = any
unique_subject = no
x509_extensions = leaf
[any]
commonName = supplied
[leaf]
subjectAltName = IP:127.0.0.1
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
"""


def run(chance: Random, size: Size) -> Outcome:
    """Let a certificate end under load, and renew it."""
    without_s = chance.uniform(0.2, 0.5) if size is Size.SLICE else 60.0
    with tempfile.TemporaryDirectory(prefix="ce-tls-") as name:
        folder = Path(name)
        _authority(folder)
        _certificate(folder, timedelta(days=1))
        with chain(tls=folder) as bed:
            box = bed.box()
            with bed.feeding(0.05):
                wait(lambda: len(bed.ledger()) > 5, 30, "batches are stored while the certificate is good")
                _put_in_place(bed, folder, timedelta(seconds=-1))
                ups = len(box.ups)
                wait(lambda: "CERTIFICATE_VERIFY_FAILED" in box.log(), 30, "the gateway says what is wrong with the certificate")
                time.sleep(without_s)
                failures = ["the gateway accepted an ended certificate"] if len(box.ups) != ups else []
                waiting = bed.missing()
                _put_in_place(bed, folder, timedelta(days=1))
                back_s = wait(lambda: len(box.ups) > ups, 60, "the gateway connects with the new certificate")
            failures += bed.drained(120)
            failures += [] if waiting else ["nothing waited while the certificate was ended"]
            return settle(bed.book, bed.dsn, failures, [f"{waiting} batches waited", f"connected {back_s:.1f} s after the renewal"])


def _put_in_place(bed: Chain, folder: Path, life: timedelta) -> None:
    bed.broker.stop()
    _certificate(folder, life)
    bed.broker.start()


def _authority(folder: Path) -> None:
    _openssl("req", "-x509", *_KEY, "-nodes", "-days", "2", "-subj", "/CN=campus", "-addext", "keyUsage=critical,keyCertSign,cRLSign",
             "-keyout", str(folder / "ca.key"), "-out", str(folder / "ca.pem"))  # fmt: skip
    (folder / "ca.conf").write_text(_CONFIG.format(folder=folder))
    (folder / "index").touch()
    (folder / "serial").write_text("1000")


def _certificate(folder: Path, life: timedelta) -> None:
    """Put a certificate in place that is good for two days and `life`."""
    now = datetime.now(UTC)
    span = [f"{at:%Y%m%d%H%M%SZ}" for at in (now - timedelta(days=2), now + life)]
    key, request, new = str(folder / "broker.key"), str(folder / "broker.csr"), str(folder / "new.pem")
    _openssl("req", *_KEY, "-nodes", "-subj", "/CN=broker", "-keyout", key, "-out", request)
    _openssl("ca", "-batch", "-notext", "-config", str(folder / "ca.conf"), "-cert", str(folder / "ca.pem"), "-keyfile", str(folder / "ca.key"),
             "-startdate", span[0], "-enddate", span[1], "-in", request, "-out", new)  # fmt: skip
    Path(new).replace(folder / "broker.pem")


def _openssl(*arguments: str) -> None:
    subprocess.run(["openssl", *arguments], check=True, capture_output=True)
