import pytest
from broker import mosquitto
from browsing import chromium


@pytest.fixture(scope="module")
def browser():
    with chromium() as browser:
        yield browser


@pytest.fixture
def broker(tmp_path):
    with mosquitto(tmp_path) as port:
        yield port
