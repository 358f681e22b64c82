"""Certificates made for the occasion, and a loopback server that speaks TLS."""

import ipaddress
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from rest_source.demo.server import Call, LoopbackServer, Reply


@dataclass(frozen=True, slots=True)
class Papers:
    """A certificate that is its own authority, with its key in three shapes."""

    cert: Path
    key: Path
    both: Path
    encrypted: Path


def papers(folder: Path, name: str, address: str = "127.0.0.1", days: int = 1) -> Papers:
    """New papers under a name, good for an address and for so many days from now."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=30))
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address))]), False)
        .sign(key, hashes.SHA256())
    )
    cert = certificate.public_bytes(serialization.Encoding.PEM)
    written = {"cert.pem": cert}
    for file, encryption in (
        ("key.pem", serialization.NoEncryption()),
        ("encrypted.pem", serialization.BestAvailableEncryption(b"hush")),
    ):
        written[file] = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption)
    written["both.pem"] = cert + written["key.pem"]
    paths = {}
    for file, content in written.items():
        paths[file] = folder / f"{name}-{file}"
        paths[file].write_bytes(content)
    return Papers(paths["cert.pem"], paths["key.pem"], paths["both.pem"], paths["encrypted.pem"])


@contextmanager
def serving_tls(
    handler: Callable[[Call], Reply], server: Papers, client: Papers | None = None
) -> Iterator[LoopbackServer]:
    """The handler over https; with `client`, only whoever shows that certificate is let in."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(server.cert, server.key)
    if client is not None:
        context.load_verify_locations(client.cert)
        context.verify_mode = ssl.CERT_REQUIRED
    loopback = LoopbackServer(handler)
    listener = loopback._server.socket
    # The handshake waits for the thread of the connection, or one that fails would end the server.
    loopback._server.socket = context.wrap_socket(listener, server_side=True, do_handshake_on_connect=False)
    loopback.url = loopback.url.replace("http://", "https://")
    with loopback:
        yield loopback
