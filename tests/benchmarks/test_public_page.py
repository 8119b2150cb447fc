"""The page of public collections says what its committed figures say."""

import json

import pytest
from generate_public import FIGURES, PAGE, SECTIONS, page


def test_page_says_what_the_figures_say():
    assert PAGE.read_text(encoding="utf-8") == page(), "write it again with: make docs"


@pytest.mark.parametrize("section", SECTIONS, ids=lambda section: section.file)
def test_figures_are_of_the_products_defaults_and_of_three_seeds(section):
    record = json.loads((FIGURES / section.file).read_text(encoding="utf-8"))
    assert record["recipe"]["head"] == "auto"
    assert {one.get("outcome", one)["seed"] for one in record["figures"]} == {0, 1, 2}
    assert set(section.tables) <= {one["title"] for one in record["tables"]}
