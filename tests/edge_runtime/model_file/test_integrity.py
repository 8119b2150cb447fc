"""A model file that was changed in any byte, or signed by nobody or somebody else, is refused before it is run."""

import os
from dataclasses import replace

import numpy as np
import pytest
from machines import SENSORS, pump_rows
from tflite_graphs import GraphBuilder

from edge_runtime.errors import IntegrityError, ModelFileError, OutputError, UsageError
from edge_runtime.model_file.container import ModelFile, read_model_file
from edge_runtime.model_file.manifest import (
    SCHEMA,
    DetectorSpec,
    Manifest,
    Quantization,
    QuantizedTensor,
    Scoring,
    Sensor,
    Threshold,
)
from edge_runtime.model_file.signature import write_key_pair
from edge_runtime.model_file.zip_tail import join, pack, split
from edge_runtime.signal.preprocessing import Preprocessing


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    folder = tmp_path_factory.mktemp("keys")
    return write_key_pair(folder / "maker.pem").with_suffix(""), folder / "maker.pem.pub"


@pytest.fixture(scope="module")
def small_model():
    """A file of 2 kB: the smallest graph that may stand under a manifest."""
    builder = GraphBuilder()
    values, rebuilt = builder.tensor((1, 1), name="inputs"), builder.tensor((1, 1), name="reconstruction")
    builder.op("TANH", [values], rebuilt)
    flatbuffer = builder.build([values], [rebuilt])
    spec = DetectorSpec((Sensor("flow"),), Preprocessing("standard", (0.0,), (1.0,)), Scoring("spe"))
    manifest = Manifest(
        SCHEMA, "small", "cpu", spec, Threshold(1.0, "by hand", 0.0, 0), Quantization("float32"), (), "",
        graph="network", outputs=(QuantizedTensor("reconstruction"),),
    )  # fmt: skip
    one = np.ones(1, np.float32)
    model = ModelFile(flatbuffer, manifest, {"head_mean": one, "head_whitening": one})
    return replace(model, manifest=replace(manifest, flatbuffer_sha256=model.sha256))


@pytest.fixture
def signed(small_model, keys, tmp_path):
    path = tmp_path / "signed.tflite"
    small_model.signed(keys[0]).write(path)
    return path


def flipped_and_read(path, content, offset, mask, **options):
    path.write_bytes(content[:offset] + bytes([content[offset] ^ mask]) + content[offset + 1 :])
    return read_model_file(path, **options)


def test_signed_file_is_read_with_and_without_the_key(signed, small_model, keys):
    assert read_model_file(signed, trusted_key=keys[1]).manifest == small_model.manifest
    assert read_model_file(signed).manifest == small_model.manifest


@pytest.mark.parametrize("mask", [0x01, 0x20, 0x80, 0xFF])
def test_every_changed_byte_of_a_signed_file_is_refused(signed, keys, tmp_path, mask):
    content = signed.read_bytes()
    for offset in range(len(content)):
        with pytest.raises(ModelFileError):
            flipped_and_read(tmp_path / "flipped.tflite", content, offset, mask, trusted_key=keys[1])


def test_every_changed_byte_of_an_unsigned_file_is_refused_or_means_nothing(small_model, tmp_path):
    content, path = small_model.to_bytes(), tmp_path / "flipped.tflite"
    for offset in range(len(content)):
        try:
            again = flipped_and_read(path, content, offset, 0x01)
        except ModelFileError:
            continue
        # Deflate can say the same in two ways; a signature covers that as well.
        assert again.manifest == small_model.manifest


def test_every_length_but_the_full_one_is_refused(signed, keys, tmp_path):
    content = signed.read_bytes()
    for end in [*range(0, len(content), 7), len(content) - 1]:
        (tmp_path / "cut.tflite").write_bytes(content[:end])
        with pytest.raises(ModelFileError):
            read_model_file(tmp_path / "cut.tflite", trusted_key=keys[1])


@pytest.mark.parametrize("field", [10, 16, 24])
def test_header_of_the_signature_itself_cannot_be_changed(signed, keys, field):
    content = bytearray(signed.read_bytes())
    # The same change in the local header and in the directory, so that both say the same.
    local, directory = content.rindex(b"PK\3\4"), content.rindex(b"PK\1\2")
    content[local + field - 2] ^= 1
    content[directory + field] ^= 1
    signed.write_bytes(content)
    with pytest.raises(ModelFileError):
        read_model_file(signed, trusted_key=keys[1])


def test_file_of_any_trusted_key_is_read(small_model, keys, tmp_path):
    old, path = write_key_pair(tmp_path / "old.pem"), tmp_path / "signed.tflite"
    small_model.signed(tmp_path / "old.pem").write(path)
    assert read_model_file(path, trusted_key=(keys[1], old)).manifest == small_model.manifest
    with pytest.raises(IntegrityError, match="signed by another key"):
        read_model_file(path, trusted_key=(keys[1],))


def test_bytes_after_the_end_are_refused(signed, keys):
    signed.write_bytes(signed.read_bytes() + b"\n")
    with pytest.raises(ModelFileError):
        read_model_file(signed, trusted_key=keys[1])


def test_member_that_was_exchanged_with_its_crc_is_refused(signed, keys, tmp_path):
    flatbuffer, members = split(signed.read_bytes())
    manifest = members["saelite.json"].unpack().replace(b'"value":1.0', b'"value":9.0')
    assert b'"value":9.0' in manifest
    forged = tmp_path / "forged.tflite"
    forged.write_bytes(flatbuffer + join({**members, "saelite.json": pack("saelite.json", manifest)}.values()))
    with pytest.raises(IntegrityError, match="changed"):
        read_model_file(forged, trusted_key=keys[1])


def test_threshold_that_was_raised_by_one_who_lacks_the_key_is_refused(small_model, keys, tmp_path):
    signed = small_model.signed(keys[0])
    threshold = signed.manifest.threshold._replace(value=1e9)
    replace(signed, manifest=replace(signed.manifest, threshold=threshold)).write(tmp_path / "forged.tflite")
    with pytest.raises(IntegrityError, match="changed after it was signed"):
        read_model_file(tmp_path / "forged.tflite", trusted_key=keys[1])


def test_unsigned_file_is_refused_where_a_key_is_demanded(small_model, keys, tmp_path):
    small_model.write(tmp_path / "unsigned.tflite")
    with pytest.raises(IntegrityError, match="is not signed"):
        read_model_file(tmp_path / "unsigned.tflite", trusted_key=keys[1])


def test_file_signed_by_another_key_is_refused(signed, tmp_path):
    other = write_key_pair(tmp_path / "other.pem")
    with pytest.raises(IntegrityError, match="signed by another key"):
        read_model_file(signed, trusted_key=other)


def test_keys_are_for_their_owner_alone_and_never_overwritten(saelite, tmp_path):
    made = saelite("keygen", "maker.pem", umask=0o022)
    assert made.returncode == 0, made.stderr
    before = (tmp_path / "maker.pem").read_bytes()
    for name, mode in (("maker.pem", 0o600), ("maker.pem.pub", 0o644)):
        assert os.stat(tmp_path / name).st_mode & 0o777 == mode  # noqa: PTH116 - stat's mode bits are the point
    again = saelite("keygen", "maker.pem")
    assert again.returncode == 1
    assert "never overwritten" in again.stderr
    (tmp_path / "maker.pem").unlink()
    with pytest.raises(OutputError, match=r"maker\.pem\.pub exists"):
        write_key_pair(tmp_path / "maker.pem")
    assert not (tmp_path / "maker.pem").exists()
    assert before.startswith(b"-----BEGIN PRIVATE KEY-----")


def test_full_disk_leaves_no_key_in_the_way(tmp_path, monkeypatch):
    def full(_descriptor):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as disk:
        disk.setattr(os, "fsync", full)
        with pytest.raises(OutputError, match="No space left"):
            write_key_pair(tmp_path / "maker.pem")
    assert list(tmp_path.iterdir()) == []
    assert write_key_pair(tmp_path / "maker.pem").is_file()


def test_what_is_no_key_is_named(signed, small_model, keys, tmp_path):
    (tmp_path / "text.pem").write_text("not a key")
    with pytest.raises(UsageError, match="is not a public key"):
        read_model_file(signed, trusted_key=tmp_path / "text.pem")
    with pytest.raises(UsageError, match="is not a private key"):
        small_model.signed(keys[1])
    with pytest.raises(UsageError, match="cannot read the public key"):
        read_model_file(signed, trusted_key=tmp_path / "absent.pem")


def test_score_and_verify_refuse_a_file_that_no_trusted_key_signed(saelite, model_path, keys, tmp_path):
    (tmp_path / "log.csv").write_text("flow,pressure,current,vibration\n1,2,3,4\n")
    for command in (("score", model_path, "log.csv", "-o", "scores.csv"), ("verify", model_path)):
        refused = saelite(*command, "--trusted-key", keys[1])
        assert refused.returncode == 1
        assert "is not signed" in refused.stderr
    assert not (tmp_path / "scores.csv").exists()


def test_stream_starts_and_goes_on_with_none_but_files_of_the_trusted_key(exported, keys, saelite, tmp_path):
    from live_process import PATIENCE_S, next_score, start, timed_line

    path, options = tmp_path / "pump.tflite", ("--source", "-", "--trusted-key", keys[1], "--stale-after", "1h")
    exported.write(path)
    refused = saelite("run", path, *options, input="")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "is not signed" in refused.stderr
    exported.signed(keys[0]).write(path)
    process = start(path, *options, cwd=tmp_path)
    process.stdin.write((",".join(["time", *SENSORS]) + "\n").encode())
    process.stdin.write(b"".join(map(timed_line, range(3), pump_rows(3))))
    assert next_score(process) > 0
    exported.write(path)
    message = process.stderr.readline()
    assert b"refused; the old one stays in use" in message
    assert b"is not signed" in message
    process.stdin.write(timed_line(3, pump_rows(1)[0]))
    assert next_score(process) > 0
    process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0
