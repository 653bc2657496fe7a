"""Public tables to check against, which lie beside the repository and not in it."""

import os
from pathlib import Path

import pytest

REFERENCE = Path(os.environ.get("ASSAY_SHARED", Path(__file__).parents[3] / "shared")) / "reference"


def reference(name: str) -> Path:
    """A folder of reference data; skips the test where it is missing."""
    folder = REFERENCE / name
    if not folder.is_dir():
        pytest.skip(f"no reference data at {folder}; ASSAY_SHARED names their folder")
    return folder
