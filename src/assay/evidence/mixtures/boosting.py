"""Gradient-boosted trees by LightGBM (Ke et al. 2017), with RegMix's settings. Needs the extra `assay[lightgbm]`.

Trees have no uncertainty of their own. The rows are cut into folds, each fold is predicted by trees that never saw it,
and the spread of those errors together with the spread between the folds' models is the uncertainty (in the manner of
the jackknife+: Barber et al. 2021, "Predictive inference with the jackknife+").
"""

from importlib import import_module
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from assay.evidence.mixtures.regressor import LeftOut, Prediction
from assay.spec.errors import UserError

Floats = NDArray[np.float64]

FOLDS = 5
TREES = 1000
SETTINGS: dict[str, Any] = {
    "objective": "regression", "metric": "l2", "learning_rate": 0.01, "num_leaves": 31, "num_threads": 1,
    "deterministic": True, "force_row_wise": True, "verbosity": -1,
}  # fmt: skip


class Boosting:
    """See the module."""

    def __init__(self, whole: Any, folds: list[Any], left_out: Floats, weights: Floats, values: Floats) -> None:
        self.whole, self.folds, self.mean_left_out = whole, folds, left_out
        self.values = values
        spread = float(np.mean(self._between(weights)))
        self.error_variance = float(np.mean((values - left_out) ** 2))
        self.noise_variance = max(self.error_variance - spread, 0.0)

    @classmethod
    def fit(cls, weights: Floats, values: Floats, seed: int = 0) -> Self:
        """See `Regressor.fit`. Raises `UserError` if LightGBM is not installed."""
        light = _lightgbm()

        def train(rows: NDArray[np.intp]) -> Any:
            return light.train(SETTINGS | {"seed": seed}, light.Dataset(weights[rows], values[rows]), TREES)

        everything = np.arange(len(values))
        parts = np.array_split(np.random.default_rng(seed).permutation(len(values)), min(FOLDS, len(values)))
        folds = [train(np.setdiff1d(everything, part)) for part in parts]
        left_out = np.empty(len(values))
        for part, model in zip(parts, folds, strict=True):
            left_out[part] = model.predict(weights[part])
        return cls(train(everything), folds, left_out, weights, values)

    @classmethod
    def restore(cls, state: dict[str, Any], weights: Floats, values: Floats) -> Self:
        """See `Regressor.restore`. Raises `UserError` if LightGBM is not installed."""
        light = _lightgbm()
        folds = [light.Booster(model_str=text) for text in state["folds"]]
        return cls(light.Booster(model_str=state["whole"]), folds, np.array(state["left_out"]), weights, values)

    def state(self) -> dict[str, Any]:
        """See `Regressor.state`."""
        return {
            "whole": self.whole.model_to_string(),
            "folds": [model.model_to_string() for model in self.folds],
            "left_out": self.mean_left_out.tolist(),
        }

    def predict(self, weights: Floats) -> Prediction:
        """See `Regressor.predict`."""
        between = self._between(weights)
        mean = np.asarray(self.whole.predict(weights), dtype=np.float64)
        return Prediction(mean, np.sqrt(between + self.noise_variance), np.sqrt(between))

    def left_out(self) -> LeftOut:
        """See `Regressor.left_out`."""
        sd = np.full(len(self.values), np.sqrt(self.error_variance))
        return LeftOut(f"{len(self.folds)} folds", self.mean_left_out, sd)

    def covariance(self, a: Floats, b: Floats) -> None:
        """Trees have none."""

    def prior_sd(self, weights: Floats) -> None:
        """Trees have none."""

    def _between(self, weights: Floats) -> Floats:
        """Variance between the folds' models, shape (points,)."""
        return np.var([model.predict(weights) for model in self.folds], axis=0)


def _lightgbm() -> Any:
    try:
        return import_module("lightgbm")
    except ImportError:
        raise UserError(
            "the regressor 'lightgbm' needs LightGBM, which is not installed; `pip install 'assay[lightgbm]'`, or use "
            "the default, `--regressor gp`"
        ) from None
