"""Picture of an S-curve: how likely two documents are compared, against their similarity."""

from typing import Any

import numpy as np

from assay.corpus.deduplication.bands import Banding
from assay.interfaces.report.html import Content
from assay.interfaces.report.picture import Panel, picture
from assay.interfaces.report.plot import Axis, curves, line, marker, polyline

_UNIT = Axis(0.0, 1.0)


def s_curve_picture(curve: dict[str, Any], planted: dict[str, Any]) -> str:
    """An SVG document: the curve, the threshold, and what was found of planted copies.

    Args:
        curve: what `deduplication.scurve.s_curve` gives.
        planted: what `deduplication.planted.estimate` gives, or nothing.
    """
    banding = Banding(curve["permutations"], curve["bands"])
    grid = np.linspace(0, 1, 201)
    points = [(_UNIT.at(x), _UNIT.at(float(banding.probability(x)))) for x in grid.tolist()]
    threshold = _UNIT.at(curve["similarity"])
    marks: list[Content] = [
        curves(polyline(points, "probability to be compared", class_="curve")),
        line(threshold, 0, threshold, 100, f"least similarity, {curve['similarity']}", class_="margin"),
    ]
    said = ""
    if planted:
        said = " Marks: edited copies planted in the text, the share found against their mean similarity."
        for rate, row in planted["edits"].items():
            title = f"{100 * float(rate):.0f}% of words changed: {100 * row['recall']:.0f}% found"
            marks.append(marker(0, _UNIT.at(row["mean_jaccard"]), _UNIT.at(row["recall"]), title, class_="mark second"))
    ticks = [(_UNIT.at(x / 10), f"{x / 10:.1f}") for x in range(0, 11, 2)]
    panel = Panel(
        marks,
        x_ticks=ticks,
        y_ticks=[(_UNIT.at(x / 4), f"{25 * x}%") for x in range(5)],
        x_label="Jaccard similarity of two documents",
        y_label="compared",
        height=300,
    )
    return picture(
        "Which pairs are compared",
        f"{curve['permutations']} values in {curve['bands']} bands of {curve['rows']}, arranged "
        f"{curve['tables'] // curve['bands']} times. Pairs right of the dashed line are duplicates if they are "
        f"compared; pairs left of it are compared in vain, and kept.{said}",
        [panel],
    )
