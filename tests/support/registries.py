"""A maker with a key and small models, a registry in a folder, a device that takes models from it, hostile servers."""

import http.server
import socket
import ssl
import threading
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from functools import cache, partial
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from network_files import float_graph, model_file

from edge_runtime.inference.opening import Opening
from edge_runtime.model_file.container import parse_model_file, read_model_file
from edge_runtime.model_file.manifest import Threshold
from edge_runtime.model_file.signature import write_key_pair
from edge_runtime.registry.index import INDEX_NAME, digest, index_name, parse_index, signed
from edge_runtime.registry.installed_model import InUse
from edge_runtime.registry.registry_settings import RegistrySettings
from edge_runtime.registry.requirements import Requirements
from edge_runtime.registry.updater import Updater
from saelite.publishing.publish import publish
from saelite.publishing.publish_settings import PublishSettings

ASSET = "pump7"
PROMISE = Threshold(100.0, "given", 0.0, 0, budget="1/week", promised=1.0, promised_upper=1.0)


@cache
def small_model(version, name="network", threshold=PROMISE):
    """Return a model file of a few lines, without a signature."""
    model = model_file(float_graph())
    return replace(model, manifest=replace(model.manifest, name=name, version=version, threshold=threshold))


class Maker:
    """Makes models and publishes them."""

    def __init__(self, folder, key="maker.pem"):
        self.folder, self.registry = folder, folder / "registry"
        self.key, self.public = folder / key, folder / f"{key}.pub"
        if not self.key.exists():
            write_key_pair(self.key)

    def file(self, version, **changes):
        """Write a model file, and return its path."""
        path = self.folder / f"made-{version}-{'-'.join(map(str, changes.values()))[:40]}.tflite"
        small_model(version, **changes).write(path)
        return path

    def publish(self, version, asset=ASSET, destination=None, name="network", threshold=PROMISE, **settings):
        """Publish a model of this version for an asset."""
        settings = PublishSettings(sign=self.key, asset=(asset,), **settings)
        path = self.file(version, name=name, threshold=threshold)
        return publish(path, str(destination or self.registry), settings)

    @property
    def index(self):
        """The newest index."""
        return parse_index((self.registry / INDEX_NAME).read_bytes(), (self.public,), "index")

    def forge(self, **changes):
        """Sign another index, as only the maker can, and put it in place."""
        self.put(signed(replace(self.index, **changes), self.key))

    def put(self, content):
        """Put bytes in the place of the newest index."""
        (self.registry / INDEX_NAME).write_bytes(content)

    def index_of(self, version):
        """Return the index of a version, as it was published."""
        return (self.registry / index_name(version)).read_bytes()

    def sha256(self, version, **changes):
        """Return the SHA-256 of a model file as it is published."""
        return digest(small_model(version, **changes).signed(self.key).to_bytes())


class Device:
    """A device without a stream: what is in the model file is in use."""

    def __init__(self, folder, registry, public, asset=ASSET, try_out=None, **opening):
        self.folder, self.told = folder, []
        folder.mkdir(exist_ok=True)
        self.model, self.state = folder / "pump.tflite", folder / "state.json"
        self.settings = RegistrySettings(str(registry), asset)
        self.opening = Opening(trusted_key=(public,), **opening)
        self.requirements = Requirements(self.opening, self.model, None, try_out)
        self.updater = None

    def start(self):
        """Start, again if need be."""
        self.stop()
        self.updater = Updater(self.settings, self.model, self.state, self.requirements, self.told.append)
        self.updater.begin()
        return self

    def stop(self):
        """End, as by a power cut."""
        if self.updater is not None:
            self.updater.installed.close()
            self.updater = None

    def look(self):
        """Look at the registry; return the version that is in use then."""
        self.updater.look(self.in_use)
        return self.version

    @property
    def in_use(self):
        """The model in use."""
        content = self.model.read_bytes()
        return InUse(content, digest(content), parse_model_file(content, self.model).manifest.version)

    @property
    def version(self):
        """Version of the model file, which must be sound and signed."""
        return read_model_file(self.model, trusted_key=self.opening.trusted_key).manifest.version

    @property
    def events(self):
        """Names of the events so far."""
        return [event.name for event in self.updater.events]


class _Quiet(http.server.SimpleHTTPRequestHandler):
    """Serves a folder with tags, and remembers what it was asked for."""

    def log_message(self, *details):
        pass

    def do_GET(self):
        path = Path(self.translate_path(self.path))
        self.server.asked.append(self.path)
        with suppress(OSError):
            tag = f'"{digest(path.read_bytes())}"'
            if self.headers.get("If-None-Match") == tag:
                self.send_response(304)
                self.end_headers()
                return
            self._tag = tag
        with suppress(ConnectionError):  # who asked may be killed meanwhile
            super().do_GET()

    def end_headers(self):
        if tag := self.__dict__.pop("_tag", None):
            self.send_header("ETag", tag)
        super().end_headers()


@contextmanager
def served(folder):
    """Serve a folder over http; yield the address, and the paths asked for."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(folder)))
    server.asked = []
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", server.asked
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def answering(pieces, pause_s=0.0, tls=None):
    """Answer every connection with these pieces of bytes, one after the other; yield the address."""
    listener, stop = socket.create_server(("127.0.0.1", 0)), threading.Event()
    if tls is not None:
        listener = tls.wrap_socket(listener, server_side=True)

    def answer(connection):
        with connection, suppress(OSError):
            connection.recv(65536)
            for piece in pieces():
                connection.sendall(piece)
                if stop.wait(pause_s):
                    return

    def accept():
        with suppress(OSError):
            while True:
                threading.Thread(target=answer, args=(listener.accept()[0],), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield f"http{'s' if tls else ''}://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        stop.set()
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()


def own_certificate(folder):
    """Return a TLS context for a server on 127.0.0.1, and the file of its certificate."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(timezone.utc)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), now, now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    path = folder / "server.pem"
    path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, *private) + certificate.public_bytes(serialization.Encoding.PEM)
    )
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(path)
    return tls, path
