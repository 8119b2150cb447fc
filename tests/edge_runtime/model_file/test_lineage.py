"""Who may sign what: the maker any file, this device only what it adapted of a file that the maker signed."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sites import PATH, adapted, at_site, made, site_rows

from edge_runtime.errors import IntegrityError, ModelFileError, UsageError
from edge_runtime.inference.detector import Detector
from edge_runtime.model_file.container import ModelFile, parse_model_file
from edge_runtime.model_file.lineage import parent_of
from edge_runtime.model_file.patching import PREFIX, has_halves, read_constants, with_constants
from edge_runtime.model_file.signature import write_key_pair
from edge_runtime.running.model_keeper import ModelKeeper, ModelSettings

KINDS = [("deep", "cpu"), ("codebook", "edgetpu")]


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    """Private keys of a maker, a device and a stranger."""
    folder = tmp_path_factory.mktemp("keys")
    names = ("maker", "device", "stranger")
    for name in names:
        write_key_pair(folder / name)
    return {name: folder / name for name in names}


def public(key):
    return Path(f"{key}.pub")


def parsed(content, keys):
    """What a device makes of a file that trusts the maker, and itself on top of the maker."""
    return parse_model_file(content, PATH, trusted_key=public(keys["maker"]), device_key=public(keys["device"]))


@pytest.fixture(scope="module", params=KINDS, ids="-".join)
def forged(request, keys):
    """Make a file signed by the device out of an adapted one, with some parts exchanged."""
    head, target = request.param
    signed = parse_model_file(made(head, target), PATH).signed(keys["maker"])
    model = adapted(signed.to_bytes(), site_rows(500)).model

    def make(parent=None, **changes):
        content = model.parent if parent is None else parent
        manifest = replace(model.manifest, **changes.pop("manifest", {}))
        if parent is not None:
            manifest = replace(manifest, parent=parent_of(parse_model_file(parent, PATH), parent))
        file = replace(model, manifest=manifest, parent=content, **changes)
        file = replace(file, manifest=replace(file.manifest, flatbuffer_sha256=file.sha256))
        return file.signed(keys["device"]).to_bytes()

    make.model, make.maker = model, signed
    return make


def test_files_of_the_maker_and_of_this_device_on_top_of_the_maker_are_accepted(keys, forged):
    assert parsed(forged.maker.to_bytes(), keys).manifest == forged.maker.manifest
    assert parsed(forged(), keys).manifest == forged.model.manifest


def test_detector_opens_an_adapted_file_with_both_keys(keys, forged, tmp_path):
    path = tmp_path / "site.tflite"
    path.write_bytes(forged())
    detector = Detector.load(path, trusted_key=public(keys["maker"]), device_key=public(keys["device"]))
    assert detector.manifest.parent.name == forged.maker.manifest.name
    with pytest.raises(IntegrityError, match="signed by another key"):
        Detector.load(path, trusted_key=public(keys["maker"]))


def test_device_alone_makes_no_file(keys, forged):
    plain = replace(forged.maker, signature=b"").signed(keys["device"]).to_bytes()
    with pytest.raises(IntegrityError, match="expected the maker's file within it"):
        parsed(plain, keys)


@pytest.mark.parametrize("signer", ["stranger", "device", None])
def test_parent_that_the_maker_did_not_sign_is_refused(keys, forged, signer):
    unsigned = replace(forged.maker, signature=b"")
    parent = unsigned.signed(keys[signer]) if signer else unsigned
    with pytest.raises(IntegrityError, match=r"signed by another key|is not signed"):
        parsed(forged(parent.to_bytes()), keys)


def test_parent_changed_by_one_byte_is_refused(keys, forged):
    parent = bytearray(forged.maker.to_bytes())
    parent[len(parent) // 3] ^= 1
    content = replace(forged.model, parent=bytes(parent)).signed(keys["device"]).to_bytes()
    with pytest.raises(ModelFileError):
        parsed(content, keys)


def test_another_file_of_the_maker_is_not_the_parent(keys, forged):
    other = parse_model_file(made("t2x", "cpu"), PATH).signed(keys["maker"]).to_bytes()
    with pytest.raises(IntegrityError, match="is not an adaptation of the file within it"):
        parsed(forged(other), keys)


def test_another_encoder_is_refused(keys, forged):
    flatbuffer = bytearray(forged.model.flatbuffer)
    flatbuffer[_weight(forged.model)] ^= 1
    with pytest.raises(IntegrityError, match="its graph differs in more than its constants"):
        parsed(forged(flatbuffer=bytes(flatbuffer)), keys)


def _weight(model):
    """Return the place of a byte of the encoder's weights: the longest int8 constant."""
    from edge_runtime.model_file.checking.tflite_graph import INT8, read_checked_graph

    tensors = [one for one in read_checked_graph(model.flatbuffer).tensors if one.kind == INT8 and one.data is not None]
    weights = max(tensors, key=lambda one: len(one.data)).data.tobytes()
    return model.flatbuffer.index(weights)


CHOSEN_HERE = {"mean_activation", "allows_drift"}


@pytest.mark.parametrize(
    "change",
    [
        {"name": "another"},
        {"version": 7},
        {"target": "litert"},
        {"allows_drift": True},
        {"mean_activation": ()},
    ],
    ids=lambda change: next(iter(change)),
)
def test_manifest_changed_where_a_device_may_not_is_refused(keys, forged, change):
    expected = None if {*change} & CHOSEN_HERE else "its manifest changes what a device may not change"
    if expected is None:  # what a device says of it is its own affair
        assert parsed(forged(manifest=change), keys)
        return
    with pytest.raises(IntegrityError, match=expected):
        parsed(forged(manifest=change), keys)


@pytest.mark.parametrize("part", ["sensors", "limit", "smoothing", "threshold", "condition"])
def test_way_of_scoring_is_the_makers(keys, forged, part):
    manifest = forged.model.manifest
    spec = manifest.spec
    changes = {
        "sensors": {"spec": spec._replace(sensors=tuple(one._replace(unit="bar") for one in spec.sensors))},
        "limit": {"spec": spec._replace(preprocessing=replace(spec.preprocessing, limit=1.0))},
        "smoothing": {"spec": spec._replace(scoring=spec.scoring._replace(smoothing_span=1000))},
        "threshold": {"threshold": manifest.threshold._replace(value=1e30)},
        "condition": {"spec": spec._replace(only_when="flow > 1e30")},
    }
    with pytest.raises(IntegrityError, match="its manifest changes what a device may not change"):
        parsed(forged(manifest=changes[part]), keys)


def test_adapted_file_is_no_parent(keys, forged):
    with pytest.raises(IntegrityError, match="that file was adapted itself"):
        parsed(forged(replace(forged.model).signed(keys["maker"]).to_bytes()), keys)


def test_parent_is_compared_without_keys_as_well(forged):
    assert parse_model_file(forged(), PATH).parent
    with pytest.raises(IntegrityError, match="its manifest changes"):
        parse_model_file(forged(manifest={"name": "another"}), PATH)


def test_manifest_that_names_a_parent_must_carry_it(keys, forged):
    content = replace(forged.model, parent=b"").signed(keys["maker"]).to_bytes()
    with pytest.raises(IntegrityError, match="expected the maker's file within it"):
        parse_model_file(content, PATH)


def test_device_key_alone_is_refused(keys, forged):
    with pytest.raises(UsageError, match="--device-key adds to --trusted-key"):
        parse_model_file(forged(), PATH, device_key=public(keys["device"]))


def test_running_stream_takes_the_adapted_file_and_the_makers_again(tmp_path, keys, forged):
    path = tmp_path / "pump.tflite"
    path.write_bytes(forged.maker.to_bytes())

    def load(content):
        path.write_bytes(content)
        return Detector.load(path, trusted_key=public(keys["maker"]), device_key=public(keys["device"]))

    told = []
    keeper = ModelKeeper(ModelSettings(path, load), told.append)
    detector = keeper.start()
    for content in (forged(), forged.maker.to_bytes()):
        path.write_bytes(content)
        detector = _looked(keeper, detector)
        assert detector.manifest == parse_model_file(content, path).manifest
    assert keeper.refused == 0, told


def _looked(keeper, detector):
    found = keeper.look(detector, asked=True)
    while found is None and keeper.is_trying:
        found = keeper.look(detector, asked=False)
    return found


@pytest.mark.parametrize("head", ["deep", "codebook", "modes", "spe"])
def test_named_constants_are_read_and_written_whichever_way_they_are_stored(head):
    model = parse_model_file(made(head), PATH)
    constants = read_constants(model.flatbuffer)
    assert {"center", "gain", "blame_0", "level_0"} <= set(constants)
    others = {name: value + np.float32(1.5) for name, value in constants.items()}
    changed = with_constants(model.flatbuffer, others)
    assert len(changed) == len(model.flatbuffer)
    assert has_halves(model.flatbuffer) == (head in ("deep", "codebook"))
    for name, value in read_constants(changed).items():
        np.testing.assert_allclose(value, others[name], rtol=2**-11, err_msg=name)
    assert with_constants(changed, constants) == model.flatbuffer


def test_constant_that_is_not_there_or_of_another_size_is_refused():
    flatbuffer = at_site("deep").model.flatbuffer
    for values in ({"nothing": np.zeros(4, np.float32)}, {"center": np.zeros(5, np.float32)}):
        with pytest.raises(ModelFileError, match="cannot be changed"):
            with_constants(flatbuffer, values)


def test_numbers_that_a_constant_in_16_bits_does_not_hold_are_refused():
    flatbuffer = at_site("deep").model.flatbuffer
    whitening = read_constants(flatbuffer)["head_whitening_0"]
    with pytest.raises(ModelFileError, match=r"numbers that float16 holds\. Received: up to 1e\+05"):
        with_constants(flatbuffer, {"head_whitening_0": np.full_like(whitening, 1e5)})


def test_two_constants_of_one_name_are_refused():
    model = at_site("deep").model
    twice = model.flatbuffer.replace(f"{PREFIX}blame_0".encode(), f"{PREFIX}level_0".encode(), 1)
    with pytest.raises(ModelFileError, match=r"two constants|shares its bytes"):
        read_constants(twice)


def test_parent_is_undone_byte_for_byte(forged):
    read = parse_model_file(forged(), PATH)
    assert isinstance(read, ModelFile)
    assert read.parent == forged.maker.to_bytes()
