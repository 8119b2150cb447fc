"""A maker and a device."""

import pytest
from registries import Device, Maker


@pytest.fixture
def maker(tmp_path):
    """A maker with a key and an empty registry."""
    return Maker(tmp_path)


@pytest.fixture
def make_device(maker, tmp_path):
    """Make devices of the maker's registry; they end with the test."""
    devices = []

    def make(name="device", registry=None, public=None, **options):
        devices.append(Device(tmp_path / name, registry or maker.registry, public or maker.public, **options))
        return devices[-1]

    yield make
    for device in devices:
        device.stop()


@pytest.fixture
def device(make_device):
    """A device that has not been started."""
    return make_device()
