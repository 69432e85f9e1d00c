"""Certificates: the broker knows us by ours, and we talk to no broker of another authority."""

from __future__ import annotations

import shutil
import socket
import subprocess

import pytest

from edge_agent.uplink.session import Closed, Connected, Options, Session
from protocol.errors import ConfigError

pytestmark = pytest.mark.needs_mosquitto


def openssl(*arguments: object) -> None:
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)


def authority(folder, name: str) -> None:
    openssl(
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-days",
        2,
        "-subj",
        f"/CN={name}",
        "-addext",
        "keyUsage=critical,keyCertSign,cRLSign",  # Python 3.13 and later insist on it
        "-keyout",
        folder / f"{name}.key",
        "-out",
        folder / f"{name}.pem",
    )


def certificate(folder, name: str, issuer: str) -> None:
    extension = folder / f"{name}.ext"
    extension.write_text("subjectAltName=IP:127.0.0.1\nsubjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n")
    openssl("req", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={name}", "-keyout", folder / f"{name}.key", "-out", folder / f"{name}.csr")
    signer = ("-CA", folder / f"{issuer}.pem", "-CAkey", folder / f"{issuer}.key", "-CAcreateserial")
    openssl("x509", "-req", "-in", folder / f"{name}.csr", *signer, "-days", 2, "-extfile", extension, "-out", folder / f"{name}.pem")


@pytest.fixture(scope="module")
def tls(mosquitto, tmp_path_factory):
    """Folder with the certificates and the port of a broker that asks for one."""
    if shutil.which("openssl") is None:
        pytest.skip("no openssl on this machine to make certificates with")
    binary, folder = mosquitto().binary, tmp_path_factory.mktemp("tls")
    folder.chmod(0o755)
    for name in ("campus", "stranger"):
        authority(folder, name)
    certificate(folder, "broker", "campus")
    certificate(folder, "gw-1", "campus")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    config = folder / "mosquitto.conf"
    files = f"cafile {folder}/campus.pem\ncertfile {folder}/broker.pem\nkeyfile {folder}/broker.key\n"
    config.write_text(f"user root\nset_tcp_nodelay true\nlistener {port} 127.0.0.1\n{files}require_certificate true\nuse_identity_as_username true\n")
    process = subprocess.Popen([binary, "-c", str(config)], stderr=subprocess.DEVNULL)
    yield folder, port
    process.kill()
    process.wait()


def first_answer(options: Options):
    """Open a session and return it with the first thing that happens."""
    for _ in range(100):
        session = Session(options, "ce/v1/gw-1/up/state", b"{}")
        try:
            session.open()
        except ConnectionRefusedError:  # the broker is not up yet
            session.close()
            continue
        except BaseException:
            session.close()
            raise
        while not (incidents := session.step(1.0)):
            pass
        return session, incidents[0]
    pytest.fail("the broker never listened")


def options(tls, ca: str, **files) -> Options:
    folder, port = tls
    return Options("gw-1", "127.0.0.1", port, ca_file=folder / f"{ca}.pem", **{name: folder / file for name, file in files.items()})


def test_certificate_opens_the_door_and_small_packets_go_at_once(tls):
    session, answer = first_answer(options(tls, "campus", cert_file="gw-1.pem", key_file="gw-1.key"))

    assert isinstance(answer, Connected)
    assert session._client.socket().getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) == 1
    session.close()


def test_without_certificate_the_broker_refuses(tls):
    try:
        session, answer = first_answer(options(tls, "campus"))
    except OSError:
        return
    assert isinstance(answer, Closed)
    session.close()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # paho leaves the refused socket to the garbage collector
def test_broker_of_another_authority_is_refused(tls):
    with pytest.raises(OSError, match="CERTIFICATE_VERIFY_FAILED"):
        first_answer(options(tls, "stranger", cert_file="gw-1.pem", key_file="gw-1.key"))


def test_missing_certificate_file_is_named(tls):
    with pytest.raises(ConfigError, match="cannot be used"):
        first_answer(options(tls, "campus", cert_file="none.pem", key_file="gw-1.key"))
