"""OPC UA: asyncua's own server, open and encrypted."""

import signal
import subprocess
from contextlib import closing, contextmanager
from datetime import datetime, timedelta, timezone

import numpy as np
import pytest
from broker import free_port
from live_process import start, until
from machines import SENSORS
from plant_servers import server

pytest.importorskip("asyncua")

from edge_runtime.errors import UsageError
from edge_runtime.sources.opcua_security import OpcUaSecurity
from edge_runtime.sources.source_spec import open_source

NODES = "flow=ns=2;s=Pump.flow&heat=nsu=urn:saelite:test;s=Pump.heat&running=ns=2;s=Pump.running&rate=20"
NAMES = ("flow", "heat", "running")
USER, PASSWORD = "watch", "plant-secret"


@contextmanager
def opcua_server(port=None, *files):
    url = f"opc.tcp://127.0.0.1:{port or free_port()}"
    with server("opcua_server.py", url, *files, stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == "ready\n"
        yield url, process


def say(process, text):
    process.stdin.write(f"{text}\n")
    process.stdin.flush()


def until_row(source, expected):
    rows = [None]
    until(lambda: rows.extend(source.poll(0.1).values.tolist()) or rows[-1] == pytest.approx(expected, nan_ok=True))


def test_changes_arrive_and_values_hold_until_the_next_one():
    with opcua_server() as (url, process), closing(open_source(f"{url}?{NODES}", NAMES, print)) as source:
        until_row(source, [1.5, 20, 1])
        say(process, "flow 3.5")
        until_row(source, [3.5, 20, 1])
        say(process, "heat bad")
        until_row(source, [3.5, np.nan, 1])
        say(process, "heat 21")
        until_row(source, [3.5, 21, 1])


def test_nodes_that_the_server_refuses_and_texts_are_missing_values():
    told = []
    names = ("flow", "text", "none")
    nodes = "flow=ns=2;s=Pump.flow&text=ns=2;s=Pump.text&none=ns=2;i=99&rate=20"
    with opcua_server() as (url, _), closing(open_source(f"{url}?{nodes}", names, told.append)) as source:
        until_row(source, [1.5, np.nan, np.nan])
    assert told == [f"{url}: the server refuses the node of 'none' (BadNodeIdUnknown); it is missing"]


def test_server_that_goes_is_connected_again_when_it_returns():
    told, port = [], free_port()
    with opcua_server(port) as (url, process):
        source = open_source(f"{url}?{NODES}&timeout=1", NAMES, told.append)
        with closing(source):
            until_row(source, [1.5, 20, 1])
            process.kill()
            process.wait()
            until(lambda: source.poll(0.05) is None or told)
            with opcua_server(port) as (_, again):
                say(again, "flow 9")
                until_row(source, [9, 20, 1])
    assert [text.partition(" (")[0] for text in told] == [f"{url} is lost", f"{url} is back"]


def test_server_that_hangs_is_noticed_and_connected_again_when_it_goes_on():
    told = []
    with (
        opcua_server() as (url, process),
        closing(open_source(f"{url}?{NODES}&timeout=1", NAMES, told.append)) as source,
    ):
        until_row(source, [1.5, 20, 1])
        process.send_signal(signal.SIGSTOP)
        until(lambda: source.poll(0.05) is None or told)
        process.send_signal(signal.SIGCONT)
        until_row(source, [1.5, 20, 1])
        until(lambda: source.poll(0.05) is None or len(told) > 1)
    assert [text.partition(" (")[0] for text in told] == [f"{url} is lost", f"{url} is back"]


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    """Two self-signed certificates with keys: of the server and of the client."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    folder = tmp_path_factory.mktemp("certificates")
    for name, uri in (("server", "urn:freeopcua:python:server"), ("client", "urn:plant:saelite")):
        key = rsa.generate_private_key(65537, 2048)
        subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
        now = datetime.now(timezone.utc)
        certificate = (
            x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=1))
            .add_extension(x509.SubjectAlternativeName([x509.UniformResourceIdentifier(uri)]), critical=False)
            .sign(key, hashes.SHA256())
        )
        (folder / f"{name}.der").write_bytes(certificate.public_bytes(serialization.Encoding.DER))
        pem = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        (folder / f"{name}.pem").write_bytes(key.private_bytes(*pem))
    return folder


@pytest.fixture
def secured(monkeypatch, certificates):
    monkeypatch.setenv("SAELITE_OPCUA_USERNAME", USER)
    monkeypatch.setenv("SAELITE_OPCUA_PASSWORD", PASSWORD)
    monkeypatch.setenv("SAELITE_OPCUA_SECURITY", "Basic256Sha256")
    monkeypatch.setenv("SAELITE_OPCUA_CERTIFICATE", str(certificates / "client.der"))
    monkeypatch.setenv("SAELITE_OPCUA_KEY", str(certificates / "client.pem"))
    return certificates


@pytest.mark.usefixtures("secured")
def test_signed_and_encrypted_with_user_and_password(certificates):
    files = (certificates / "server.der", certificates / "server.pem")
    with opcua_server(None, *files) as (url, _), closing(open_source(f"{url}?{NODES}", NAMES, print)) as source:
        until_row(source, [1.5, 20, 1])


def test_wrong_password_is_told_without_any_password(secured, monkeypatch, capfd):
    monkeypatch.setenv("SAELITE_OPCUA_PASSWORD", "not-the-secret")
    told = []
    with opcua_server(None, secured / "server.der", secured / "server.pem") as (url, _):
        source = open_source(f"{url}?{NODES}", NAMES, told.append)
        until(lambda: source.poll(0.05) is None or told)
        source.close()
    assert "BadUserAccessDenied" in told[0]
    assert "not-the-secret" not in "".join([*told, *capfd.readouterr()])
    assert "not-the-secret" not in repr(OpcUaSecurity.from_environment())


def test_password_without_encryption_is_told(monkeypatch):
    monkeypatch.setenv("SAELITE_OPCUA_USERNAME", USER)
    monkeypatch.setenv("SAELITE_OPCUA_PASSWORD", PASSWORD)
    told = []
    open_source("opc.tcp://127.0.0.1:1?flow=ns=2;i=1", ("flow",), told.append).close()
    assert "the password may cross the network unencrypted" in told[0]


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("opc.tcp://plc", "no point for flow"),
        ("opc.tcp://plc?flow=Pump.Flow", "expected a node such as ns=2;s=Pump.Flow.*Received: 'Pump.Flow'"),
        ("opc.tcp://?flow=ns=2;i=1", "expected opc.tcp://HOST"),
        ("opc.tcp://me:secret@plc?flow=ns=2;i=1", "must not contain a user name or password"),
        ("opc.tcp://plc?flow=ns=2;i=1&rate=never", "rate must be a number above zero"),
    ],
)
def test_wrong_specs_say_what_is_expected(spec, message):
    with pytest.raises(UsageError, match=message) as caught:
        open_source(spec, ("flow",), print)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"policy": "Basic128"}, "expected one of Basic256Sha256"),
        ({"policy": "Basic256Sha256", "mode": "Shout"}, "expected one of Basic256Sha256, .* then :Sign or nothing"),
        ({"policy": "Basic256Sha256"}, "needs the client's own certificate and key"),
        ({"policy": "Basic256Sha256", "certificate": "/no.der", "key": "/no.pem"}, "no such file: /no.der"),
    ],
)
def test_wrong_security_says_what_is_expected(settings, message):
    with pytest.raises(UsageError, match=message):
        OpcUaSecurity(**settings)


def test_model_watches_a_server(model_path, tmp_path):
    nodes = "&".join(f"{name}=ns=2;s=Pump.flow" for name in SENSORS)
    with opcua_server() as (url, _):
        process = start(model_path, "--source", f"{url}?{nodes}&rate=20", cwd=tmp_path)
        assert b'"score"' in process.stdout.readline()
        process.kill()
        process.communicate()
