"""The S-curve of a banding in numbers: what would be found, and what is compared in vain."""

from typing import Any

import numpy as np

from assay.corpus.deduplication.bands import Banding


def s_curve(banding: Banding, similarity: float) -> dict[str, Any]:
    """JSON data: probability to be a candidate against Jaccard similarity, and what the parameters mean.

    `missed` is the share of pairs that are not found though they are alike enough, and `in_vain` that of pairs compared
    though they are not, both where similarities are spread evenly over their range.
    """
    grid = np.linspace(0, 1, 1001)
    found = banding.probability(grid)
    above = grid >= similarity
    return {
        "permutations": banding.permutations,
        "bands": banding.bands,
        "rows": banding.rows,
        "tables": banding.tables,
        "similarity": similarity,
        "middle": round(banding.middle, 4),
        "missed": round(float(1 - found[above].mean()), 4),
        "in_vain": round(float(found[~above].mean()), 4) if (~above).any() else 0.0,
        "points": {f"{value:.2f}": round(float(banding.probability(value)), 4) for value in np.linspace(0, 1, 21)},
    }


def picture(banding: Banding, similarity: float, width: int = 41, height: int = 10) -> str:
    """The curve in characters, for a terminal, with the threshold marked."""
    values = banding.probability(np.linspace(0, 1, width))
    heights = np.rint(values * (height - 1)).astype(int)
    mark = round(similarity * (width - 1))
    rows = []
    for level in range(height - 1, -1, -1):
        label = "100%" if level == height - 1 else "  0%" if level == 0 else "    "
        cells = ["●" if heights[x] == level else "│" if x == mark else " " for x in range(width)]
        rows.append(f"{label} ┤{''.join(cells).rstrip()}")
    axis = "      └" + "─" * (width - 1)
    ends = f"       0{'Jaccard similarity':^{width - 2}}1"
    return "\n".join([*rows, axis[1:], ends[1:]])
