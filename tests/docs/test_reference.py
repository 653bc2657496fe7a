"""The reference pages say what the code says."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

DOCS = Path(__file__).parents[2] / "docs"


def _generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate_reference", DOCS / "generate_reference.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", ["recipe.md", "lab-toml.md", "cli.md"])
def test_reference_is_up_to_date(name: str) -> None:
    page = _generator().PAGES[name]()
    assert (DOCS / "reference" / name).read_text() == page, "run `python docs/generate_reference.py`"


@pytest.mark.parametrize("name", ["recipe.md", "lab-toml.md"])
def test_every_setting_is_explained(name: str) -> None:
    for line in (DOCS / "reference" / name).read_text().splitlines():
        if line.startswith("| `") and line.count("|") == 5:
            key, *_, meaning = [cell.strip() for cell in line.strip("|").split("|")]
            assert meaning or key in ("`name`", "`ladder`", "`search`"), f"{key} has no description"
