"""Names of assets as folders: any text, there and back, and never out of the folder."""

from pathlib import PurePosixPath, PureWindowsPath

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from edge_runtime.common.asset_names import asset_of, folder_of
from edge_runtime.errors import UsageError


@given(st.text(min_size=1, max_size=60))
def test_any_name_comes_back_and_is_one_part_of_a_path(asset):
    try:
        folder = folder_of(asset)
    except UsageError:
        assume(False)
    assert asset_of(folder) == asset
    assert folder.isascii()
    assert len(folder) <= 255
    assert PurePosixPath("models", folder).parent == PurePosixPath("models")
    assert PureWindowsPath("models", folder).parent == PureWindowsPath("models")
    assert not set(folder) & set('/\\\0:*?"<>|\n')


@pytest.mark.parametrize("folder", ["", "pump7", "asset=", "asset=%ff", "Asset=pump7"])
def test_other_folders_are_refused(folder):
    with pytest.raises(UsageError, match="asset=NAME"):
        asset_of(folder)
