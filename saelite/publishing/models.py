"""Model files that are to be published, and as what."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from edge_runtime.common.asset_names import asset_of, folder_of
from edge_runtime.errors import ModelFileError, UsageError
from edge_runtime.model_file.container import parse_model_file, read_content
from edge_runtime.registry.index import Release, digest
from saelite.publishing.publish_settings import PublishSettings

MODELS, MODEL = "models", "model.tflite"


class ToPublish(NamedTuple):
    """A model file for an asset."""

    asset: str
    path: Path


def models_of(source: Path, assets: tuple[str, ...]) -> tuple[ToPublish, ...]:
    """Return the model files to publish.

    Parameters
    ----------
    source : Path
        A fleet's folder, with ``models/asset=NAME/model.tflite``; or one model file.
    assets : tuple of str
        Of the folder, only these; of a file, what it is for.

    Raises
    ------
    UsageError
        If a file is for no asset, or a folder has no models, or not those asked for.
    """
    if not source.is_dir():
        if not assets:
            raise UsageError(f"{source} is one model file: expected --asset NAME, which it is for. Received: none.")
        for asset in assets:
            folder_of(asset)
        return tuple(ToPublish(asset, source) for asset in dict.fromkeys(assets))
    files = {asset_of(path.parent.name): path for path in sorted((source / MODELS).glob(f"asset=*/{MODEL}"))}
    found = {asset: path for asset, path in files.items() if asset is not None}
    if not found:
        raise UsageError(
            f"{source} has no models: expected {MODELS}/asset=NAME/{MODEL} in it, as saelite fleet train writes them."
        )
    if missing := [asset for asset in assets if asset not in found]:
        raise UsageError(f"{source} has no model of {missing[0]!r:.80}: expected one of its {len(found):,} assets.")
    return tuple(ToPublish(asset, found[asset]) for asset in assets or found)


def releases_of(models: tuple[ToPublish, ...], settings: PublishSettings) -> Iterator[tuple[str, Release, bytes]]:
    """Yield asset, release and bytes of model files, signed, one at a time: a fleet's models need not fit into memory.

    Raises
    ------
    ModelFileError
        If a file is no model, or is signed by another key.
    """
    last, content = None, b""
    for model in models:
        if model.path != last:
            last, content = model.path, _signed(model.path, settings)
            manifest = parse_model_file(content, model.path).manifest
        yield (
            model.asset,
            Release(digest(content), len(content), manifest.name, manifest.version, settings.share),
            content,
        )


def _signed(path: Path, settings: PublishSettings) -> bytes:
    """Return a model file, signed now if it is not yet; the same file and key always give the same bytes."""
    content = read_content(path)
    model = parse_model_file(content, path)
    if model.parent:
        raise ModelFileError(f"{path} was adapted by a device, to its machine. Expected the maker's file.")
    if not model.signature:
        return model.signed(settings.sign).to_bytes()
    parse_model_file(content, path, trusted_key=settings.keys)
    return content
