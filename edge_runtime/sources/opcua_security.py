"""How a client proves who it is to an OPC UA server."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from edge_runtime.common.secret import secret
from edge_runtime.errors import UsageError

POLICIES = ("Basic256Sha256", "Aes128Sha256RsaOaep", "Aes256Sha256RsaPss")
MODES = ("Sign", "SignAndEncrypt")


@dataclass(frozen=True)
class OpcUaSecurity:
    """User, security policy and certificates.

    Parameters
    ----------
    user, password : str or None
    policy : str or None
        None neither signs nor encrypts.
    mode : str
        ``Sign`` or ``SignAndEncrypt``.
    certificate, key : str or None
        The client's own, PEM or DER files.
    server_certificate : str or None
        The server's; None takes the one that the server shows.

    Raises
    ------
    UsageError
        If policy or mode is unknown, or a file is missing.
    """

    user: str | None = None
    password: str | None = field(default=None, repr=False)
    policy: str | None = None
    mode: str = "SignAndEncrypt"
    certificate: str | None = None
    key: str | None = None
    server_certificate: str | None = None

    def __post_init__(self) -> None:
        if self.policy is None:
            return
        if self.policy not in POLICIES or self.mode not in MODES:
            raise UsageError(
                f"SAELITE_OPCUA_SECURITY: expected one of {', '.join(POLICIES)}, then :Sign or nothing. "
                f"Received: {self.policy}:{self.mode}"
            )
        if self.certificate is None or self.key is None:
            raise UsageError(
                "SAELITE_OPCUA_SECURITY needs the client's own certificate and key. Expected "
                "SAELITE_OPCUA_CERTIFICATE and SAELITE_OPCUA_KEY, PEM or DER files."
            )
        for path in (self.certificate, self.key, self.server_certificate):
            if path is not None and not Path(path).is_file():
                raise UsageError(f"OPC UA: no such file: {path}. Expected a certificate or key, PEM or DER.")

    @property
    def is_in_the_clear(self) -> bool:
        """Whether a password may cross the network unencrypted."""
        return bool(self.password) and (self.policy is None or self.mode == "Sign")

    @classmethod
    def from_environment(cls) -> OpcUaSecurity:
        """Return what SAELITE_OPCUA_USERNAME, _PASSWORD, _SECURITY, _CERTIFICATE, _KEY and _SERVER_CERTIFICATE say."""
        policy, _, mode = os.environ.get("SAELITE_OPCUA_SECURITY", "").partition(":")
        files = (
            os.environ.get(f"SAELITE_OPCUA_{name}") or None for name in ("CERTIFICATE", "KEY", "SERVER_CERTIFICATE")
        )
        user = os.environ.get("SAELITE_OPCUA_USERNAME") or None
        return cls(user, secret("SAELITE_OPCUA_PASSWORD"), policy or None, mode or "SignAndEncrypt", *files)

    async def apply_to(self, client: Any) -> None:
        """Set up a client of asyncua that is not connected yet."""
        if self.user is not None:
            client.set_user(self.user)
            client.set_password(self.password or "")
        if self.policy is None or self.certificate is None or self.key is None:
            return
        from asyncua import ua
        from asyncua.crypto import security_policies

        # Servers compare the client's URI with that in its certificate.
        client.application_uri = await _uri_of(self.certificate) or client.application_uri
        await client.set_security(
            getattr(security_policies, f"SecurityPolicy{self.policy}"),
            _read(self.certificate),
            _read(self.key),
            server_certificate=None if self.server_certificate is None else _read(self.server_certificate),
            mode=getattr(ua.MessageSecurityMode, self.mode),
        )


def _read(path: str) -> Any:
    """Return a certificate or key as asyncua takes it: by its content, for which PEM and DER need no telling name."""
    from asyncua.crypto.uacrypto import CertProperties

    content = Path(path).read_bytes()
    return CertProperties(content, "pem" if content.lstrip().startswith(b"-----BEGIN") else "der")


async def _uri_of(certificate: str) -> str | None:
    from asyncua.crypto import uacrypto
    from cryptography import x509

    file = _read(certificate)
    loaded = await uacrypto.load_certificate(file.path_or_content, file.extension)
    try:
        names = loaded.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return None
    return next(iter(names.get_values_for_type(x509.UniformResourceIdentifier)), None)
