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
    assert len(folder.encode()) <= 255
    assert PurePosixPath("models", folder).parent == PurePosixPath("models")
    assert PureWindowsPath("models", folder).parent == PureWindowsPath("models")
    assert not set(folder) & set('/\\\0:*?"<>|\n')


@pytest.mark.parametrize("name", ["pump", "a/b", "..", "x.", "50 %", "a=b", "Größe", "tab\there", " ", "名前" * 30])
def test_any_name_is_one_folder_and_comes_back(tmp_path, name):
    folder = folder_of(name)
    (tmp_path / folder / "inner").mkdir(parents=True)
    (made,) = tmp_path.iterdir()
    assert asset_of(made.name) == name


@pytest.mark.parametrize("name", ["", "x" * 250, "\udcff"])
def test_name_that_cannot_be_a_folder_is_refused(name):
    with pytest.raises(UsageError, match="no usable name"):
        folder_of(name)


@pytest.mark.parametrize("folder", ["", "pump7", "asset=", "Asset=pump7", "other=x", "asset=%ff"])
def test_other_folders_are_no_assets(folder):
    assert asset_of(folder) is None
