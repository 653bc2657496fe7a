"""Pictures that scripts draw are what the scripts draw today."""

import runpy
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"


def test_the_s_curve_is_that_of_the_defaults() -> None:
    script = runpy.run_path(str(DOCS / "generate_s_curve.py"))
    assert script["PICTURE"].read_text(encoding="utf-8") == script["drawn"](), "run `python docs/generate_s_curve.py`"
