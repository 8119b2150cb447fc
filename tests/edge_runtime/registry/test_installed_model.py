"""What a registry keeps on a device: sound whenever the power is cut, and it finds its way back."""

import itertools

import pytest
from registries import small_model

from edge_runtime.errors import ModelFileError, OutputError
from edge_runtime.registry import device_state, installed_model
from edge_runtime.registry.device_state import read_device_state
from edge_runtime.registry.probation import STARTS


class Cut(BaseException):
    """The power is cut."""


@pytest.fixture
def cut_after(monkeypatch):
    """Cut the power before a write: the first is number 0; None never."""
    writes = installed_model.write_atomically, device_state.write_checked

    def cut(number):
        left = itertools.count()

        def guarded(write):
            def guard(*arguments):
                if next(left) == number:
                    raise Cut
                return write(*arguments)

            return guard

        monkeypatch.setattr(installed_model, "write_atomically", guarded(writes[0]))
        monkeypatch.setattr(device_state, "write_checked", guarded(writes[1]))

    return cut


def refuse(content):
    raise ModelFileError("it does not detect here")


@pytest.mark.parametrize("number", range(5))
def test_cut_while_a_model_is_taken_leaves_one_that_is_sound_and_the_next_look_takes_it(
    maker, device, cut_after, number
):
    maker.publish(1)
    device.start()
    device.look()
    maker.publish(2)
    cut_after(number)
    if number < 4:
        with pytest.raises(Cut):
            device.look()
    else:
        device.look()
    device.stop()
    cut_after(None)
    assert device.version in (1, 2)
    device.start()
    assert device.version == (2 if number == 4 else 1)
    assert device.look() == 2
    assert device.updater.state.refused == ()


@pytest.mark.parametrize("number", range(3))
def test_cut_while_a_model_is_rolled_back_leaves_one_that_is_sound_and_the_next_start_completes_it(
    maker, device, cut_after, number
):
    maker.publish(1)
    device.start()
    maker.publish(2)
    device.look()
    (device.folder / "state.json.model").write_bytes(device.model.read_bytes())  # as the keeper does
    cut_after(number)
    with pytest.raises(Cut):
        device.updater.roll_back("for the test")
    device.stop()
    cut_after(None)
    assert device.version in (1, 2)
    device.start()
    if number == 0:  # nothing was done yet
        assert device.version == 2
        return
    assert device.version == 1
    assert (device.folder / "state.json.model").read_bytes() == device.model.read_bytes()
    assert device.look() == 1


def test_model_that_crashes_is_rolled_back_and_never_fetched_again_until_there_is_another(maker, device):
    maker.publish(1)
    device.start()
    maker.publish(2)
    assert device.look() == 2
    for _ in range(STARTS):
        device.start()
        assert device.version == 2
    device.start()
    assert device.version == 1
    assert device.events == ["model_rolled_back"]
    (maker.registry / "models" / f"{maker.sha256(2)}.tflite").unlink()  # a look that asked for it would fail
    assert device.look() == 1
    assert device.updater.failed == 0
    maker.publish(3)
    assert device.look() == 3


def test_refused_model_is_remembered_across_restarts(maker, device, make_device):
    maker.publish(1)
    device.start().stop()
    maker.publish(2)
    tried = []

    def try_out(content):
        tried.append(content)
        raise ModelFileError("it does not detect here")

    device = make_device(try_out=try_out).start()
    assert [device.look(), device.look()] == [1, 1]
    assert device.start().look() == 1
    assert len(tried) == 1
    assert "version 2 from" in device.told[0]
    assert "it does not detect here" in device.told[0]


def test_newer_model_during_a_probation_keeps_the_one_before_it_to_go_back_to(maker, device):
    maker.publish(1)
    device.start()
    for version in (2, 3):
        maker.publish(version)
        assert device.look() == version
    device.updater.roll_back("for the test")
    assert device.version == 1
    assert device.updater.state.refused == (maker.sha256(3),)
    maker.publish(2, allow_downgrade=True)
    assert device.look() == 2


def test_first_model_has_nothing_to_go_back_to_and_stays(maker, device):
    maker.publish(1)
    for _ in range(STARTS + 2):
        assert device.start().version == 1
    assert device.updater.state.probation is None


def test_first_model_that_is_refused_is_an_error_and_leaves_no_file(maker, make_device):
    maker.publish(1)
    device = make_device(try_out=refuse)
    with pytest.raises(ModelFileError, match="does not detect here"):
        device.start()
    assert not device.model.exists()


def test_damaged_model_file_is_written_again(maker, device):
    maker.publish(1)
    device.start()
    in_use = device.in_use
    device.model.write_bytes(b"damaged")
    device.updater.look(in_use)
    assert device.version == 1


def test_damaged_state_is_set_aside_and_told(maker, device):
    maker.publish(1)
    device.start()
    path = device.folder / "state.json.registry"
    path.write_bytes(path.read_bytes().replace(b'"index_version": 1', b'"index_version": 0'))
    device.start()
    assert "does not match its checksum" in device.told[-1]
    assert path.with_name("state.json.registry.bad").exists()
    assert device.look() == 1


def test_full_disk_changes_nothing_and_is_tried_again(maker, device, monkeypatch):
    maker.publish(1)
    device.start()
    maker.publish(2)
    write = installed_model.write_atomically

    def full(path, content):
        raise OutputError(f"cannot write {path}: No space left on device.")

    monkeypatch.setattr(installed_model, "write_atomically", full)
    assert device.look() == 1
    assert device.updater.state.refused == ()
    monkeypatch.setattr(installed_model, "write_atomically", write)
    assert device.look() == 2


def test_two_processes_do_not_share_a_state(maker, device, make_device):
    maker.publish(1)
    device.start()
    with pytest.raises(OutputError, match="is in use by process"):
        make_device().start()


def test_leftovers_of_killed_processes_are_removed(maker, device):
    maker.publish(1)
    device.start().stop()
    rests = [device.folder / f".{name}.0a1b.part" for name in ("pump.tflite", "state.json.registry")]
    for rest in rests:
        rest.write_bytes(b"half")
    device.start()
    assert not any(rest.exists() for rest in rests)


def test_another_registry_has_indexes_of_its_own_and_another_asset_a_state_of_its_own(maker, device, tmp_path):
    maker.publish(1)
    maker.publish(2)
    device.start()
    elsewhere = tmp_path / "elsewhere"
    maker.publish(3, destination=elsewhere)
    device.settings = type(device.settings)(str(elsewhere), device.settings.asset)
    device.start()
    assert device.look() == 3
    maker.publish(4, destination=elsewhere, asset="pump8")
    device.settings = type(device.settings)(str(elsewhere), "pump8")
    device.start()
    assert device.look() == 4
    device.stop()
    assert read_device_state(device.folder / "state.json.registry").asset == "pump8"


@pytest.mark.parametrize(
    ("change", "words"),
    [({"schema": 2}, "schema"), ({"index_version": -1}, "index_version"), ({"refused": ["x"]}, "sha256"),
     ({"refused": ["0" * 64] * 33}, "refused"), ({"expires_s": "soon"}, "expires_s"),
     ({"probation": {"starts": -1, "results": 0, "alarms": 0, "watched_s": 0.0}}, "probation"),
     ({"probation": {"starts": 1, "results": 0, "alarms": 0, "watched_s": 0.0}}, "previous")],
)  # fmt: skip
def test_forged_state_with_a_good_checksum_is_refused_by_what_it_means(tmp_path, change, words):
    path = tmp_path / "state"
    good = {"schema": 1, "asset": "pump7", "place": "registry"}
    device_state.write_checked(path, good | change)
    with pytest.raises(ValueError, match=words):
        read_device_state(path)
    device_state.write_checked(path, good)
    assert read_device_state(path).asset == "pump7"


def test_staged_release_reaches_only_its_share_and_may_be_withdrawn(maker, make_device):
    devices = [make_device(f"device{number}", asset=f"pump{number}") for number in range(12)]
    for device in devices:
        maker.publish(1, asset=device.settings.asset)
        device.start()
    for device in devices:
        maker.publish(2, asset=device.settings.asset, share=0.5)
    reached = {device.settings.asset for device in devices if device.look() == 2}
    assert 0 < len(reached) < len(devices)
    for device in devices:
        maker.publish(2, asset=device.settings.asset, share=0.75)
    assert reached <= {device.settings.asset for device in devices if device.look() == 2}
    for device in devices:
        maker.publish(1, asset=device.settings.asset, allow_downgrade=True)
    assert {device.look() for device in devices} == {1}
    assert small_model(1).manifest.version == 1
