"""The one file a device needs: a TFLite flatbuffer with a ZIP appended that holds the manifest.

The ZIP follows the TFLite Metadata convention for associated files, so ``unzip -l`` lists it and every
TFLite runtime passes over it. Its members are stored, not compressed, with a fixed date: the same model
gives the same bytes, and any changed byte can be told.
"""

from __future__ import annotations

import hashlib
import io
import zipfile
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from edge_runtime.atomic import write_atomically
from edge_runtime.errors import IntegrityError, ModelFileError
from edge_runtime.manifest import Manifest
from edge_runtime.preprocessing import FloatArray

MANIFEST_NAME = "saelite.json"
_FLATBUFFER_MAGIC = b"TFL3"
_ZIP_EPOCH = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True)
class ModelFile:
    """A model file's contents.

    Parameters
    ----------
    flatbuffer : bytes
        What the interpreter opens.
    manifest : Manifest
    arrays : mapping of str to ndarray, float32
        Head constants for files whose head runs on the host; empty where the graph holds the head.
    """

    flatbuffer: bytes
    manifest: Manifest
    arrays: dict[str, FloatArray] = field(default_factory=dict)

    @property
    def sha256(self) -> str:
        """SHA-256 of the flatbuffer, hexadecimal."""
        return hashlib.sha256(self.flatbuffer).hexdigest()

    def to_bytes(self) -> bytes:
        """Return the file: flatbuffer, then the ZIP."""
        members = {MANIFEST_NAME: self.manifest.to_bytes()}
        members |= {f"{name}.npy": _npy_bytes(array) for name, array in sorted(self.arrays.items())}
        return self.flatbuffer + _zip_bytes(members)

    def write(self, path: Path) -> None:
        """Write the file atomically."""
        write_atomically(path, self.to_bytes())


def read_model_file(path: str | Path) -> ModelFile:
    """Read and check a model file.

    Raises
    ------
    ModelFileError
        If the file is missing, is no TFLite flatbuffer, has no manifest, or is damaged.
    IntegrityError
        If the flatbuffer's SHA-256 is not the manifest's.
    """
    path = Path(path)
    flatbuffer, members = _split(_content(path), path)
    if MANIFEST_NAME not in members:
        raise ModelFileError(
            f"{path} is a TFLite file without a saelite manifest. Expected a file written by `saelite export`."
        )
    try:
        manifest = Manifest.from_bytes(members[MANIFEST_NAME])
    except ModelFileError as error:
        raise ModelFileError(f"{path}: {error}") from error
    arrays = {name[:-4]: _npy_array(data, path) for name, data in members.items() if name.endswith(".npy")}
    model = ModelFile(flatbuffer, manifest, arrays)
    if model.sha256 != manifest.flatbuffer_sha256:
        raise IntegrityError(
            f"{path} was changed after it was written: expected SHA-256 {manifest.flatbuffer_sha256}. "
            f"Received: {model.sha256}. Copy or export the file again."
        )
    return model


def _content(path: Path) -> bytes:
    try:
        content = path.read_bytes()
    except FileNotFoundError as error:
        raise ModelFileError(f"no such file: {path}. Expected a model file written by `saelite export`.") from error
    except OSError as error:
        raise ModelFileError(f"cannot read {path}: {error.strerror}.") from error
    if content[4:8] != _FLATBUFFER_MAGIC:
        raise ModelFileError(
            f"{path} is not a TFLite file: expected the bytes 'TFL3' at offset 4. "
            f"Received: {content[4:8]!r} in {len(content)} bytes."
        )
    return content


def _split(content: bytes, path: Path) -> tuple[bytes, dict[str, bytes]]:
    """Return the flatbuffer and the ZIP's members."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            infos = archive.infolist()
            start = min((info.header_offset for info in infos), default=len(content))
            return content[:start], {info.filename: archive.read(info) for info in infos}
    except (zipfile.BadZipFile, NotImplementedError, ValueError, OSError, RuntimeError, EOFError) as error:
        raise ModelFileError(
            f"{path} has no readable manifest ({error}): it is truncated, damaged, or was not written by "
            "`saelite export`. Copy or export it again."
        ) from error


def _zip_bytes(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, content in members.items():
            info = zipfile.ZipInfo(name, _ZIP_EPOCH)
            info.create_system, info.external_attr = 3, 0o644 << 16
            archive.writestr(info, content)
    return buffer.getvalue()


def _npy_bytes(array: FloatArray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=False)
    return buffer.getvalue()


def _npy_array(content: bytes, path: Path) -> FloatArray:
    try:
        return np.asarray(np.load(io.BytesIO(content), allow_pickle=False), np.float32)
    except (ValueError, EOFError, OSError) as error:
        raise ModelFileError(f"{path}: an array is damaged ({error}). Export the file again.") from error
