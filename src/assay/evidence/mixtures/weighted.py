"""The weighted mean of several targets, from the regressions of each.

A domain's loss depends on few weights, its own above all; their mean depends on all of them. So the parts are much
easier to learn than the whole: on RegMix's mixtures, 24 of them, the mean over 13 domains is predicted with a rank
correlation of 0.95 from its parts and of 0.61 as a target of its own.

The mean is that of the parts' means. Errors of several targets for one mixture are not independent: their correlation R
is that of the leave-one-out residuals, each divided by its standard deviation, and the variance is Σ wᵢwⱼRᵢⱼsᵢsⱼ.
Between mixtures all targets are taken to share one correlation, the mean of theirs (intrinsic coregionalisation:
Álvarez, Rosasco & Lawrence 2012, "Kernels for Vector-Valued Functions: a Review", section 4.2).
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from assay.evidence.mixtures.regressor import LeftOut, Prediction, Predictor

Floats = NDArray[np.float64]


class WeightedMean:
    """See the module.

    Attributes:
        shares: weights of the targets, shape (targets,), which add up to one.
        correlation: R, shape (targets, targets).
    """

    def __init__(self, parts: Sequence[Predictor], values: Floats, shares: Floats) -> None:
        """Of regressions of several targets, with the values that they were fitted to, shape (targets, rows)."""
        self.parts, self.shares = parts, shares
        self._left_out = [part.left_out() for part in parts]
        z = np.stack([(row - out.mean) / out.sd for row, out in zip(values, self._left_out, strict=True)])
        size = np.sqrt((z * z).sum(axis=1))
        self.correlation: Floats = (z @ z.T) / np.maximum(np.outer(size, size), 1e-300)
        np.fill_diagonal(self.correlation, 1.0)

    def predict(self, weights: Floats) -> Prediction:
        """See `Predictor.predict`."""
        found = [part.predict(weights) for part in self.parts]
        mean = self.shares @ np.stack([each.mean for each in found])
        return Prediction(
            mean, self._together([each.sd for each in found]), self._together([each.sd_mean for each in found])
        )

    def left_out(self) -> LeftOut:
        """See `Predictor.left_out`."""
        mean = self.shares @ np.stack([each.mean for each in self._left_out])
        return LeftOut(self._left_out[0].method, mean, self._together([each.sd for each in self._left_out]))

    def covariance(self, a: Floats, b: Floats) -> Floats | None:
        """See `Predictor.covariance`."""
        shared = np.zeros((len(a), len(b)))
        sds_a, sds_b = ([part.predict(points).sd_mean for part in self.parts] for points in (a, b))
        for share, part, sd_a, sd_b in zip(self.shares.tolist(), self.parts, sds_a, sds_b, strict=True):
            between = part.covariance(a, b)
            if between is None:
                return None
            shared += share * between / np.maximum(np.outer(sd_a, sd_b), 1e-300)
        return shared * np.outer(self._together(sds_a), self._together(sds_b))

    def prior_sd(self, weights: Floats) -> Floats | None:
        """See `Predictor.prior_sd`."""
        found = [part.prior_sd(weights) for part in self.parts]
        known = [sd for sd in found if sd is not None]
        return self._together(known) if len(known) == len(found) else None

    def _together(self, sds: Sequence[Floats]) -> Floats:
        """Standard deviation of the weighted mean, from those of the targets."""
        scaled = self.shares[:, None] * np.stack(sds)
        return np.sqrt(np.maximum(np.einsum("ip,ij,jp->p", scaled, self.correlation, scaled), 0))
