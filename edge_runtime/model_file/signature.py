"""Ed25519 signatures of model files, through the `cryptography` package (extra ``signing``).

A signature is 96 bytes: the signer's public key (32) and the signature proper (64). The key inside the file
only says who claims to have signed; what counts is the trusted key that the reader brings.

References
----------
Josefsson and Liusvaara (2017), RFC 8032: Edwards-curve digital signature algorithm.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from edge_runtime.common.atomic import write_new
from edge_runtime.errors import IntegrityError, OutputError, UsageError, missing_extra

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

_PUBLIC_BYTES = 32
SIGNATURE_BYTES = 96


def write_key_pair(path: Path) -> Path:
    """Write a new private key to `path` and its public key beside it (``.pub``); return the latter's path.

    Both are PEM; the private key has mode 600, and the public one may be read by a service of any user.

    Raises
    ------
    OutputError
        If one of the files is there already: a lost key cannot be had back.
    MissingExtraError
        Without the package `cryptography`.
    """
    _require()
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    key = Ed25519PrivateKey.generate()
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    public_path = path.with_name(f"{path.name}.pub")
    if public_path.exists():
        raise _exists(public_path)
    _write_new(path, private, 0o600)
    try:
        _write_new(public_path, public, 0o644)
    except OutputError:
        path.unlink()
        raise
    return public_path


def sign(message: bytes, private_key: Path) -> bytes:
    """Return the signature of `message`.

    Raises
    ------
    UsageError
        If the file is not an Ed25519 private key.
    """
    key = _private(private_key)
    return key.public_key().public_bytes_raw() + key.sign(message)


def verify(message: bytes, signature: bytes, trusted_keys: Sequence[Path], what: object) -> None:
    """Raise IntegrityError unless `signature` is that of `message` by the owner of one of the trusted keys.

    Parameters
    ----------
    signature : bytes
        Empty where there is none.
    trusted_keys : sequence of Path
        PEM files with public keys.
    what : object
        The file's name, for the message.
    """
    trusted = {_public(path).public_bytes_raw(): path for path in trusted_keys}
    wanted = " or ".join(f"{key_name(key)} ({path})" for key, path in trusted.items())
    if not signature:
        raise IntegrityError(
            f"{what} is not signed: expected a signature by {wanted}. Sign it with: saelite export … --sign KEY"
        )
    signer = signature[:_PUBLIC_BYTES]
    if signer not in trusted:
        raise IntegrityError(
            f"{what} is signed by another key: expected {wanted}. Received: {key_name(signature)}. "
            "Do not use the file unless you know why."
        )
    from cryptography.exceptions import InvalidSignature

    try:
        _public(trusted[signer]).verify(signature[_PUBLIC_BYTES:], message)
    except InvalidSignature as error:
        raise IntegrityError(
            f"{what} was changed after it was signed: the signature by {key_name(signer)} does not fit. "
            "Copy or export the file again."
        ) from error


def is_by(signature: bytes, keys: Sequence[Path]) -> bool:
    """Return whether a signature claims to be by the owner of one of the keys; `verify` tells whether it is."""
    return bool(signature) and any(_public(path).public_bytes_raw() == signature[:_PUBLIC_BYTES] for path in keys)


def key_name(public_key: bytes) -> str:
    """Return a short name of a public key or of a signature: the start of the key's SHA-256.

    >>> key_name(bytes(32))
    'ed25519:66687aadf862bd77'
    """
    return f"ed25519:{hashlib.sha256(public_key[:_PUBLIC_BYTES]).hexdigest()[:16]}"


def _private(path: Path) -> Ed25519PrivateKey:
    _require()
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    key = _load(path, lambda data: load_pem_private_key(data, password=None), "private")
    if not isinstance(key, Ed25519PrivateKey):
        raise _not_ed25519(path, "private", key)
    return key


def _public(path: Path) -> Ed25519PublicKey:
    _require()
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    key = _load(path, load_pem_public_key, "public")
    if not isinstance(key, Ed25519PublicKey):
        raise _not_ed25519(path, "public", key)
    return key


def _load(path: Path, load: Callable[[bytes], object], word: str) -> object:
    try:
        return load(path.read_bytes())
    except OSError as error:
        raise UsageError(
            f"cannot read the {word} key {path}: {error.strerror}. Make one with: saelite keygen"
        ) from error
    except (ValueError, TypeError) as error:
        raise UsageError(
            f"{path} is not a {word} key: expected PEM as written by `saelite keygen` ({error})."
        ) from error


def _not_ed25519(path: Path, word: str, key: object) -> UsageError:
    return UsageError(f"{path}: expected an Ed25519 {word} key. Received: {type(key).__name__}.")


def _write_new(path: Path, content: bytes, mode: int) -> None:
    try:
        write_new(path, content, mode)
    except FileExistsError as error:
        raise _exists(path) from error


def _exists(path: Path) -> OutputError:
    return OutputError(f"{path} exists already, and keys are never overwritten. Choose another name, or move it away.")


def _require() -> None:
    try:
        import cryptography  # noqa: F401
    except ImportError as error:
        raise missing_extra("cryptography", "signing", "a signature") from error
