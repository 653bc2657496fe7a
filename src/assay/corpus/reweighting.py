"""data.reweight: domains whose loss still falls fast are drawn more often."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

SETTLED = 0.1  # of the run, read as the mixture says before slopes are believed
KEPT = 0.2  # of all draws stay as the mixture says, so that every domain goes on being seen
RECENT = 3  # a loss measured after n of N sequences counts (n/N)^RECENT: about the last quarter of what was read


class Reweighting:
    """Online reweighting by learning speed, after Adaptive Data Optimization (Jiang et al. 2024, arXiv:2410.11820).

    ADO fits each domain's loss with a power law ε + β n^-α of all that was read, and draws domains in proportion to
    their prior weight times how fast that law falls, -dL/dn = α (L - ε) / n. The factor 1/n is common to all; what is
    left is -dL/d(ln n). Here that slope is measured directly, by a least-squares line through the recent losses over
    ln n, instead of through a fitted ε; ADO's credit for a domain's own share of the draws is left out, and an exponent
    says how strongly speeds count:

        weight ∝ mixture · speed^strength

    Everything follows from the run's own losses.

    Args:
        strength: exponent; 1 is ADO's.
        domains: names, in the order of the weights.
        sequences: of the whole run.
        sums: what `observe` gave last, to go on from.
    """

    def __init__(self, strength: float, domains: Sequence[str], sequences: int, sums: Any = None) -> None:
        self._strength, self._domains, self._sequences = strength, domains, sequences
        # By domain: Σw, Σwx, Σwy, Σwxx, Σwxy of x = ln n and y = loss; n when they were last discounted.
        self._sums_D5 = np.zeros((len(domains), 5)) if sums is None else np.array(sums["sums"])
        self._read: int = 0 if sums is None else sums["read"]

    def observe(self, nats: Mapping[str, float], drawn_D: np.ndarray, read: int) -> dict[str, Any]:
        """Take in a batch's losses.

        Args:
            nats: mean loss a token of each domain in the batch.
            drawn_D: its sequences of each domain.
            read: sequences read up to and with this batch.

        Returns:
            Plain data to go on from.
        """
        self._sums_D5 *= (self._read / read) ** RECENT
        self._read = read
        x = np.log(read)
        for domain, name in enumerate(self._domains):
            if drawn_D[domain] and np.isfinite(y := nats[name]):
                self._sums_D5[domain] += drawn_D[domain] * np.array([1.0, x, y, x * x, x * y])
        return {"sums": self._sums_D5.tolist(), "read": self._read}

    def weights(self, mixture_D: np.ndarray) -> np.ndarray:
        """What to draw with, where the mixture says this."""
        if self._read < SETTLED * self._sequences:
            return mixture_D
        speed_D = self.speeds()
        speed_D[np.isnan(speed_D)] = np.nanmean(speed_D) if np.isfinite(speed_D).any() else 0.0
        fastest = speed_D[mixture_D > 0].max()
        if fastest <= 0:
            return mixture_D
        wanted_D = mixture_D * (speed_D / fastest) ** self._strength
        return KEPT * mixture_D + (1 - KEPT) * wanted_D / wanted_D.sum()

    def speeds(self) -> np.ndarray:
        """(D,) nats a token by which each loss falls while the run grows e-fold, at least 0; NaN: not seen yet."""
        w, wx, wy, wxx, wxy = self._sums_D5.T
        spread = w * wxx - wx * wx
        slope_D = np.full(len(w), np.nan)
        np.divide(w * wxy - wx * wy, spread, out=slope_D, where=spread > 1e-9 * w * wxx)
        return np.maximum(-slope_D, 0.0)
