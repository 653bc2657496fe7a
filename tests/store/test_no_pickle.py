"""Nothing that is stored can run code when it is read."""

import ast
from pathlib import Path

import pytest
from sqlalchemy import PickleType

from assay.store.schema import metadata

SOURCE = Path(__file__).parents[2] / "src" / "assay"
REFUSED = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"}


@pytest.mark.parametrize("path", sorted(SOURCE.rglob("*.py")), ids=lambda path: str(path.relative_to(SOURCE)))
def test_no_module_pickles(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            assert not {alias.name.partition(".")[0] for alias in node.names} & REFUSED
        elif isinstance(node, ast.ImportFrom):
            assert (node.module or "").partition(".")[0] not in REFUSED
        elif isinstance(node, ast.Attribute) and ast.unparse(node) in ("torch.load", "torch.save"):
            pytest.fail(f"{path}:{node.lineno} uses {ast.unparse(node)}, which pickles")
        elif isinstance(node, ast.keyword) and node.arg == "allow_pickle":
            assert isinstance(node.value, ast.Constant)
            assert node.value.value is False


def test_no_column_holds_a_pickle() -> None:
    for table in metadata.tables.values():
        for column in table.columns:
            assert not isinstance(column.type, PickleType)
