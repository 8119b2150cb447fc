"""The documentation site: built without a warning, complete, and nothing in it comes from a network."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import saelite

pytest.importorskip("mkdocs", reason="the site needs pip install 'saelite[docs]'")
ROOT = Path(__file__).parents[2]
# What a browser loads without being asked: scripts, styles, pictures, fonts. Links to other sites are no loads.
_LOADED = re.compile(r"""<(?:script|img|iframe|source)\b[^>]*\bsrc=["']?([^"'\s>]+)|<link\b([^>]*)>""")
_FROM_NETWORK = re.compile(r"(?:https?:)?//")


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    process = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", folder],
        cwd=ROOT,
        env=os.environ | {"NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.returncode == 0, process.stdout + process.stderr
    return folder


def test_every_page_is_on_the_site(site):
    pages = {page.relative_to(ROOT / "docs").with_suffix("") for page in (ROOT / "docs").rglob("*.md")}
    built = {page.parent.relative_to(site) for page in site.rglob("index.html")}
    assert built == {page.parent if page.name == "index" else page for page in pages}


def test_public_names_are_on_the_page_of_the_api(site):
    text = (site / "reference" / "api" / "index.html").read_text(encoding="utf-8")
    for name in saelite.__all__:
        # A room of its own, such as fleet, is there by its names.
        assert re.search(rf'id="saelite\.{name}[".]', text) or name == "__version__"


def test_nothing_is_loaded_from_a_network(site):
    for page in site.rglob("*.html"):
        for source, link in _LOADED.findall(page.read_text(encoding="utf-8")):
            assert not _FROM_NETWORK.match(source), (page, source)
            if 'rel="canonical"' not in link:
                assert not re.search(r"""href=["']?(?:https?:)?//""", link), (page, link)
    for style in site.rglob("*.css"):
        assert not re.search(r"url\(['\"]?(?:https?:)?//", style.read_text(encoding="utf-8")), style
