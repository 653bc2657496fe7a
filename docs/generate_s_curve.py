"""Writes docs/images/corpus/s-curve.svg, the picture in docs/explanation/deduplication.md.

`python docs/generate_s_curve.py`.
"""

from pathlib import Path

from assay.corpus.deduplication.bands import Banding
from assay.corpus.deduplication.near import SIMILARITY
from assay.corpus.deduplication.scurve import s_curve
from assay.interfaces.report.s_curve import s_curve_picture

PICTURE = Path(__file__).parent / "images" / "corpus" / "s-curve.svg"


def drawn() -> str:
    """The S-curve of the defaults."""
    return s_curve_picture(s_curve(Banding(), SIMILARITY), {})


if __name__ == "__main__":
    PICTURE.parent.mkdir(parents=True, exist_ok=True)
    PICTURE.write_text(drawn(), encoding="utf-8")
