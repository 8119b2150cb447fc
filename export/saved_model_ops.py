"""Ops that a SavedModel may not hold: those that read or write files, print, or run foreign code.

TensorFlow runs some of a SavedModel's functions while loading it, and all of its signature during conversion. The ops
are therefore checked in the file before anything is loaded.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from edge_runtime.errors import ModelFileError

_FORBIDDEN = frozenset({
    "AppendFile", "DebugIdentity", "DebugIdentityV2", "DebugIdentityV3", "DecodeProtoV2", "EagerPyFunc",
    "FixedLengthRecordReader", "FixedLengthRecordReaderV2", "LookupTableExport", "LookupTableExportV2", "MatchingFiles",
    "MergeV2Checkpoints", "Print", "PrintV2", "PyFunc", "PyFuncStateless", "ReadFile", "Restore", "RestoreSlice",
    "RestoreV2", "Save", "SaveDataset", "SaveDatasetV2", "SaveSlices", "SaveV2", "ShardedFilename", "TFRecordDataset",
    "TFRecordReader", "TFRecordReaderV2", "TextLineDataset", "TextLineReader", "TextLineReaderV2", "WholeFileReader",
    "WholeFileReaderV2", "WriteAudioSummary", "WriteFile", "WriteGraphSummary", "WriteHistogramSummary",
    "WriteImageSummary", "WriteRawProtoSummary", "WriteScalarSummary", "WriteSummary", "CreateSummaryFileWriter",
    "CreateSummaryDbWriter", "InitializeTableFromTextFile", "InitializeTableFromTextFileV2", "DatasetToTFRecord",
    "RemoteCall", "SnapshotDataset", "SnapshotDatasetV2",
})  # fmt: skip
# Every SavedModel has these two functions; no other may use such ops.
_CHECKPOINTS = ("__inference__traced_save", "__inference__traced_restore")


def refuse_ops_with_effects(folder: Path) -> None:
    """Check the ops of a SavedModel.

    Raises
    ------
    ModelFileError
        If one does more than compute, or the file cannot be read.
    """
    from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

    model = SavedModel()
    try:
        model.ParseFromString((folder / "saved_model.pb").read_bytes())
    except Exception as error:  # a damaged file raises an error of protobuf's own
        raise ModelFileError(f"cannot read {folder / 'saved_model.pb'}: {error}.") from error
    for graph in model.meta_graphs:
        functions = {function.signature.name: function.node_def for function in graph.graph_def.library.function}
        for name, nodes in functions.items():
            if not name.startswith(_CHECKPOINTS):
                _refuse(nodes, folder)


def _refuse(nodes: Iterable[Any], folder: Path) -> None:
    for node in nodes:
        called = [name for name in _called(node) if name.startswith(_CHECKPOINTS)]
        if node.op in _FORBIDDEN or called:
            raise ModelFileError(
                f"the SavedModel {folder} holds the op {node.op} ({node.name}), which does more than compute. Expected "
                "an autoencoder's layers. Rebuild it from Keras's own layers, and do not load this one."
            )


def _called(node: Any) -> Iterator[str]:
    """Yield the names of the functions that a node calls."""
    for value in node.attr.values():
        if value.HasField("func"):
            yield value.func.name
        yield from (function.name for function in value.list.func)
