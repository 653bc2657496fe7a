"""What a law says about sizes that were not run, and where it says nothing."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from assay.evidence.scaling.law import Law, losses
from assay.evidence.scaling.runs import sizes
from assay.evidence.tables import read_table

Floats = NDArray[np.float64]

#: Up to this factor beyond the measured params, tokens and compute a law is still an interpolation.
NEAR = 2.0
#: Beyond this factor of compute no interval is believed: it knows nothing of the law's form being wrong.
FAR = 1000.0
#: Width of the reducible loss's interval, as a share of it, from which the interval says nothing.
SHARE = 0.5


@dataclass(frozen=True, slots=True)
class Prediction:
    """The loss of one run at a size that was not measured, or why nothing is said about it."""

    params: float
    tokens: float
    loss: float | None
    lo: float | None
    hi: float | None
    beyond: float
    """By what factor params, tokens or compute lie outside the measured range; 1 inside."""
    refused: str | None


def predict(law: Law, params: Sequence[float], tokens: Sequence[float], seed: int = 0) -> list[Prediction]:
    """Predict the loss of single runs with 95% intervals, or refuse.

    The interval holds the law's uncertainty (its resamples) and one run's scatter about the law (its residuals).
    Refused is what lies more than twice outside the measured range of params, tokens or compute, where
    - the exponents cannot be told (`Law.untold`); or
    - the interval of the reducible loss L − E is wider than half of it; or
    - compute lies more than a thousand times outside.

    Args:
        law: fitted, with its bootstrap.
        params, tokens: of the runs.
        seed: of the scatter.
    """
    n, d = np.asarray(params, dtype=float), np.asarray(tokens, dtype=float)
    curves = losses(law.resampled, n, d)
    reducible = np.quantile(curves - law.resampled[:, [2]], [0.025, 0.975], axis=0)
    residuals = law.residuals * np.sqrt(len(law.runs) / (len(law.runs) - 5))
    scatter = np.random.default_rng(seed).choice(residuals, size=curves.shape)
    low, high = np.quantile(curves * np.exp(scatter), [0.025, 0.975], axis=0)
    middle = law.loss(n, d)
    result: list[Prediction] = []
    for i in range(len(n)):
        factor, compute = _beyond(law, float(n[i]), float(d[i]))
        width = float((reducible[1, i] - reducible[0, i]) / max(float(middle[i]) - law.E, 1e-12))
        refused = _refusal(law, factor, compute, width)
        values = (None, None, None) if refused else (float(middle[i]), float(low[i]), float(high[i]))
        result.append(Prediction(float(n[i]), float(d[i]), *values, factor, refused))
    return result


def _beyond(law: Law, params: float, tokens: float) -> tuple[float, float]:
    """How far outside the measured range: by the worst of params, tokens and compute, and by compute alone."""
    runs = law.runs
    measured = ((params, runs.params), (tokens, runs.tokens), (params * tokens, runs.params * runs.tokens))
    factors = [max(1.0, at / float(values.max()), float(values.min()) / at) for at, values in measured]
    return max(factors), factors[-1]


def _refusal(law: Law, factor: float, compute: float, width: float) -> str | None:
    if factor <= NEAR:
        return None
    where = f"{factor:,.3g} times beyond the measured range"
    if law.untold:
        return f"{where}, and {law.untold}"
    if width > SHARE:
        return f"{where}, where the 95% interval of the reducible loss is {width:.0%} as wide as the loss itself"
    if compute > FAR:
        return f"{compute:,.3g} times beyond the measured compute: no table shows that the law holds so far"
    return None


def read_points(path: Path) -> tuple[list[float], list[float]]:
    """The params and tokens of a table of sizes.

    Raises:
        UserError: what is wrong with the table.
    """
    table = read_table(path, ("params", "tokens"))
    return [float(v) for v in sizes(table, "params")], [float(v) for v in sizes(table, "tokens")]
