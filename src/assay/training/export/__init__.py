"""Trained runs in the formats of other programs, one format a file.

A format is a function `write(run: Path, out: Path) -> Exported`. It raises `UserError`, with one sentence that names
the options, for a recipe that the format has no equivalent of. To add one, for example GGUF: write `gguf.py`, name it
in `spec/registry.py` under `export_format` as `"gguf": "assay.training.export.gguf:write"`, and run
`tests/conformance/test_export_format.py`.
"""

from pathlib import Path
from typing import NamedTuple


class Exported(NamedTuple):
    """What was written: the family of models as which other programs know it, and the files."""

    family: str
    folder: Path
    files: tuple[str, ...]
