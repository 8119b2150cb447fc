"""The one file a device needs: a TFLite flatbuffer with a ZIP appended that holds the manifest.

The ZIP follows the TFLite Metadata convention for associated files, so ``unzip -l`` lists it and every
TFLite runtime ignores it. Its members have a fixed order and date: the same model gives the same bytes, and a
file whose headers differ in any byte from what saelite writes is refused.

===================  ==========================================================================================
``saelite.json``     the manifest
``*.npy``            head constants if the host scores, and reference windows for ``saelite verify``
``parent.tflite``    the maker's file, in one that a device adapted
``saelite.sig``      Ed25519 signature of all the bytes before it, as the file would be without it; optional
===================  ==========================================================================================
"""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from edge_runtime.arrays import FloatArray, NumberArray
from edge_runtime.common.atomic import write_atomically
from edge_runtime.common.size_limits import limit, raised_by
from edge_runtime.errors import IntegrityError, ModelFileError, UsageError
from edge_runtime.model_file.checking.whole_file import check_model
from edge_runtime.model_file.lineage import check_lineage
from edge_runtime.model_file.manifest import Manifest
from edge_runtime.model_file.npy import read_npy
from edge_runtime.model_file.signature import SIGNATURE_BYTES, is_by, sign, verify
from edge_runtime.model_file.zip_tail import (
    MANIFEST_NAME,
    PARENT_NAME,
    SIGNATURE_NAME,
    Member,
    is_plain,
    join,
    pack,
    split,
)

_FLATBUFFER_MAGIC = b"TFL3"
_LIMIT = "SAELITE_MAX_MODEL_MB"
Keys = str | Path | Sequence[str | Path] | None
"""Public keys of which one must have signed a file; several while one replaces another."""


@dataclass(frozen=True)
class ModelFile:
    """A model file's contents.

    Parameters
    ----------
    flatbuffer : bytes
        What the interpreter opens.
    manifest : Manifest
    arrays : mapping of str to ndarray
        Head constants (``head_mean`` …) for files whose head runs on the host, and
        ``reference_windows``, ``reference_codes``, ``reference_scores``: what ``saelite verify`` repeats.
    signature : bytes
        See `edge_runtime.model_file.signature`; empty if the file is not signed.
    parent : bytes
        The maker's file, if a device adapted it; see `edge_runtime.model_file.lineage`.
    """

    flatbuffer: bytes
    manifest: Manifest
    arrays: dict[str, NumberArray] = field(default_factory=dict)
    signature: bytes = b""
    parent: bytes = b""

    @property
    def sha256(self) -> str:
        """SHA-256 of the flatbuffer, hexadecimal."""
        return hashlib.sha256(self.flatbuffer).hexdigest()

    def to_bytes(self) -> bytes:
        """Return the file: flatbuffer, then the ZIP."""
        members = {MANIFEST_NAME: self.manifest.to_bytes()}
        members |= {f"{name}.npy": _npy_bytes(array) for name, array in self.arrays.items()}
        if self.parent:
            members[PARENT_NAME] = self.parent
        if self.signature:
            members[SIGNATURE_NAME] = self.signature
        return self.flatbuffer + join(pack(name, content) for name, content in members.items())

    def signed(self, private_key: Path) -> ModelFile:
        """Return the file with a signature by `private_key` (see `edge_runtime.model_file.signature.sign`)."""
        return replace(self, signature=sign(replace(self, signature=b"").to_bytes(), private_key))

    def write(self, path: Path) -> None:
        """Write the file atomically."""
        write_atomically(path, self.to_bytes())


def read_model_file(path: str | Path, *, trusted_key: Keys = None, device_key: Keys = None) -> ModelFile:
    """Read and check a model file.

    Parameters
    ----------
    trusted_key : str or Path, or several, optional
        PEM files with public keys: only a file signed by one of these keys is accepted.
    device_key : str or Path, or several, optional
        Public keys of this device: what they signed is accepted if it adapts a file that a trusted key signed.

    Raises
    ------
    ModelFileError
        If the file is missing or too large, is not a TFLite flatbuffer, has no manifest, is damaged, or holds
        invalid values: see `edge_runtime.model_file.checking`.
    IntegrityError
        If any byte was changed; with `trusted_key` also if the file is unsigned or signed by another key.
    """
    path = Path(path)
    return parse_model_file(read_content(path), path, trusted_key=trusted_key, device_key=device_key)


def parse_model_file(content: bytes, path: Path, *, trusted_key: Keys = None, device_key: Keys = None) -> ModelFile:
    """Check the bytes of a model file; `path` is for messages. See `read_model_file`."""
    makers, devices = trusted_keys(trusted_key), trusted_keys(device_key)
    if devices and not makers:
        raise UsageError("--device-key adds to --trusted-key: expected the maker's public key as well. Received: none.")
    model = _parse(content, path, makers, devices)
    is_own = _is_own(model.signature, makers, devices)
    if is_own or model.parent or model.manifest.parent:
        _check_parent(model, path, makers if is_own else ())
    return model


def _parse(content: bytes, path: Path, makers: tuple[Path, ...], devices: tuple[Path, ...] = ()) -> ModelFile:
    flatbuffer, members = _split(content, path)
    if MANIFEST_NAME not in members:
        raise ModelFileError(
            f"{path} is a TFLite file without a saelite manifest. Expected a file written by `saelite export`."
        )
    signature = members.pop(SIGNATURE_NAME, None)
    claim = signature.packed if signature else b""
    if makers:
        # Before anything in the file is unpacked.
        keys = devices if _is_own(claim, makers, devices) else makers
        verify(flatbuffer + join(members.values()), claim, keys, path)
    contents = _unpacked(members, path)
    parent = contents.get(PARENT_NAME, b"")
    model = ModelFile(flatbuffer, _manifest(contents, path), _arrays(contents, path), claim, parent)
    if model.sha256 != model.manifest.flatbuffer_sha256:
        raise IntegrityError(
            f"{path} was changed after it was written: expected SHA-256 {model.manifest.flatbuffer_sha256}. "
            f"Received: {model.sha256}. Copy or export the file again."
        )
    _check_meaning(model, path)
    return model


def _is_own(claim: bytes, makers: tuple[Path, ...], devices: tuple[Path, ...]) -> bool:
    """Return whether a device claims to have signed, and no maker."""
    return is_by(claim, devices) and not is_by(claim, makers)


def _check_parent(model: ModelFile, path: Path, makers: tuple[Path, ...]) -> None:
    """Check the maker's file within an adapted one, by the maker's signature where a device signed the whole.

    A file within that file is not looked at: an adapted file is no parent, and files within files would have no end.
    """
    if not model.parent or not model.manifest.parent:
        raise IntegrityError(
            f"{path} says that it was adapted, or is signed by a device: expected the maker's file within it. "
            "Received: none. Adapt the maker's file again."
        )
    check_lineage(model, _parse(model.parent, Path(f"{path} ({PARENT_NAME})"), makers), path)


def trusted_keys(keys: Keys) -> tuple[Path, ...]:
    """Return one key or several as paths."""
    if keys is None:
        return ()
    return (Path(keys),) if isinstance(keys, (str, os.PathLike)) else tuple(map(Path, keys))


def _check_meaning(model: ModelFile, path: Path) -> None:
    try:
        check_model(model.flatbuffer, model.manifest, model.arrays)
    except ModelFileError as error:
        raise ModelFileError(f"{path}: {error}") from error


def _manifest(members: dict[str, bytes], path: Path) -> Manifest:
    try:
        return Manifest.from_bytes(members[MANIFEST_NAME])
    except ModelFileError as error:
        raise ModelFileError(f"{path}: {error}") from error


def _arrays(members: dict[str, bytes], path: Path) -> dict[str, NumberArray]:
    return {name[:-4]: _npy_array(data, path) for name, data in members.items() if name.endswith(".npy")}


def read_content(path: Path) -> bytes:
    """Return the bytes of any TFLite file; raise ModelFileError if it is not one, or is too large."""
    most = limit(_LIMIT) * 1_000_000
    try:
        with path.open("rb") as file:
            content = file.read(most + 1) if os.fstat(file.fileno()).st_size <= most else None
    except FileNotFoundError as error:
        raise ModelFileError(f"no such file: {path}. Expected a model file written by `saelite export`.") from error
    except OSError as error:
        raise ModelFileError(f"cannot read {path}: {error.strerror}.") from error
    if content is None or len(content) > most:
        raise ModelFileError(
            f"{path} is too large. Expected a model file of at most {limit(_LIMIT)} MB. {raised_by(_LIMIT)}"
        )
    if content[4:8] != _FLATBUFFER_MAGIC:
        raise ModelFileError(
            f"{path} is not a TFLite file: expected the bytes 'TFL3' at offset 4. "
            f"Received: {content[4:8]!r} in {len(content)} bytes."
        )
    return content


def _split(content: bytes, path: Path) -> tuple[bytes, dict[str, Member]]:
    """Return the flatbuffer and the ZIP's members, not yet unpacked."""
    try:
        flatbuffer, members = split(content)
    except ValueError as error:
        raise ModelFileError(
            f"{path} has no readable manifest ({error}): it is truncated, damaged, or was not written by "
            "`saelite export`. Copy or export it again."
        ) from error
    signature = members.get(SIGNATURE_NAME)
    is_signature = signature is None or (len(signature.packed) == SIGNATURE_BYTES and is_plain(signature))
    if flatbuffer + join(members.values()) != content or not is_signature:
        raise IntegrityError(
            f"{path} was changed after it was written: its ZIP is not as `saelite export` writes it. "
            "Copy or export the file again."
        )
    return flatbuffer, members


def _unpacked(members: dict[str, Member], path: Path) -> dict[str, bytes]:
    n_bytes, most = sum(member.size for member in members.values()), limit(_LIMIT)
    if n_bytes > most * 1_000_000:
        raise ModelFileError(
            f"{path} unpacks to {n_bytes / 1e6:.0f} MB. Expected at most {most} MB. {raised_by(_LIMIT)}"
        )
    try:
        return {name: member.unpack() for name, member in members.items()}
    except ValueError as error:
        raise IntegrityError(
            f"{path} was changed after it was written: {error}. Copy or export the file again."
        ) from error


def _npy_bytes(array: NumberArray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=False)
    return buffer.getvalue()


def _npy_array(content: bytes, path: Path) -> FloatArray:
    try:
        return read_npy(content)
    except ValueError as error:
        raise ModelFileError(f"{path}: an array is damaged ({error}). Export the file again.") from error
