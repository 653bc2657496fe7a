"""A fitted model: one regression a target, kept in one JSON file that holds data only and runs no code when read."""

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from assay.evidence.mixtures.regressor import LeftOut, Prediction, Predictor, Regressor
from assay.evidence.mixtures.table import MixtureTable, shares_of
from assay.evidence.mixtures.weighted import WeightedMean
from assay.evidence.tables import Table
from assay.spec.errors import UserError
from assay.spec.registry import load as load_implementation
from assay.spec.registry import names
from assay.training.files import replace_file

Floats = NDArray[np.float64]

FORMAT, VERSION = "assay mixture model", 1
#: Two-sided 95% of a Gaussian.
Z95 = 1.959963984540054


@dataclass(frozen=True, slots=True)
class MixtureModel:
    """What `fit_model` makes of a table."""

    regressor: str
    seed: int
    source: str
    domains: tuple[str, ...]
    weights: Floats
    """Trained mixtures, shape (rows, domains)."""
    targets: Mapping[str, Floats]
    fitted: Mapping[str, Regressor]

    def predict(self, table: Table) -> dict[str, Prediction]:
        """Predict every row, for every target. Columns may stand in any order; others are ignored.

        Raises:
            UserError: a domain is missing, or a row is no mixture.
        """
        shares = shares_of(table, self.domains)
        return {name: regression.predict(shares) for name, regression in self.fitted.items()}


@dataclass(frozen=True, slots=True)
class Quality:
    """How well rows are predicted that the regression did not see."""

    method: str
    rmse: float
    spearman: float
    within_95: float
    """Share of the rows inside their own 95% intervals."""
    explained: float
    """1 − mean squared error over the values' variance."""


def fit_model(
    table: MixtureTable, regressor: str = "gp", seed: int = 0, tick: Callable[[str], None] | None = None
) -> MixtureModel:
    """Fit one regression a target.

    Args:
        regressor: a name registered as `mixture_regressor`.
        tick: called with a target's name once it is fitted.

    Raises:
        UserError: there is no such regressor, or it needs a package that is not installed.
    """
    known = names("mixture_regressor")
    if regressor not in known:
        raise UserError(f"there is no regressor '{regressor}'; there are: {', '.join(known)}")
    kind = cast("type[Regressor]", load_implementation("mixture_regressor", regressor))
    fitted: dict[str, Regressor] = {}
    for name, values in table.targets.items():
        fitted[name] = kind.fit(table.weights, values, seed)
        if tick:
            tick(name)
    return MixtureModel(regressor, seed, table.source, table.domains, table.weights, table.targets, fitted)


def quality(values: Floats, left_out: LeftOut) -> Quality:
    """Compare measured values with predictions that did not know them."""
    error = values - left_out.mean
    return Quality(
        method=left_out.method,
        rmse=float(np.sqrt(np.mean(error**2))),
        spearman=spearman(values, left_out.mean),
        within_95=float(np.mean(np.abs(error) <= Z95 * left_out.sd)),
        explained=float(1 - np.mean(error**2) / np.var(values)),
    )


def relevance(regression: Predictor, weights: Floats, seed: int = 0, rounds: int = 4) -> Floats:
    """How much each domain's weight moves the prediction, in units of the target, shape (domains,).

    A domain's weights are dealt out anew among the trained mixtures, the other weights scaled to fit; the root mean
    square change of the predictions is the domain's relevance (permutation importance: Breiman 2001, "Random Forests").
    It means the same for every regressor.
    """
    rng = np.random.default_rng(seed)
    before = regression.predict(weights).mean
    found = np.zeros(weights.shape[1])
    for domain in range(weights.shape[1]):
        for _ in range(rounds):
            changed = weights.copy()
            changed[:, domain] = 0
            rest = changed.sum(axis=1, keepdims=True)
            dealt = rng.permutation(weights[:, domain])
            # A mixture of this domain alone has nothing else to scale: it stays as it is.
            alone = rest[:, 0] <= 0
            changed = changed / np.where(rest > 0, rest, 1) * (1 - dealt[:, None])
            changed[:, domain] = dealt
            changed[alone] = weights[alone]
            found[domain] += float(np.mean((regression.predict(changed).mean - before) ** 2)) / rounds
    return np.sqrt(found)


def spearman(a: Floats, b: Floats) -> float:
    """Rank correlation, ties sharing their mean rank; 0 where one side is constant."""
    ranks = [_ranks(a), _ranks(b)]
    if any(np.ptp(rank) == 0 for rank in ranks):
        return 0.0
    return float(np.corrcoef(ranks[0], ranks[1])[0, 1])


def _ranks(values: Floats) -> Floats:
    _, places, counts = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    return np.asarray((ends - (counts - 1) / 2)[places], dtype=np.float64)


# --------------------------------------------------------------------------------------------- on disk


def save(model: MixtureModel, path: Path) -> None:
    """Write a model; the file is always the old one or the new one.

    Raises:
        UserError: the folder does not exist, or the disk is full.
    """
    if not path.parent.is_dir():
        raise UserError(f"{path} cannot be written: there is no folder {path.parent}")
    facts = {
        "format": FORMAT, "version": VERSION, "regressor": model.regressor, "seed": model.seed, "source": model.source,
        "domains": model.domains, "weights": model.weights.tolist(),
        "targets": {
            name: {"values": model.targets[name].tolist(), "state": regression.state()}
            for name, regression in model.fitted.items()
        },
    }  # fmt: skip
    replace_file(path, json.dumps(facts, ensure_ascii=False).encode())


def is_model(path: Path) -> bool:
    """Whether a file looks like a model rather than like a table."""
    try:
        with path.open("rb") as file:
            return file.read(1) == b"{"
    except OSError:
        return False


def load(path: Path) -> MixtureModel:
    """Read a model. It predicts to the last bit what it predicted before.

    Raises:
        UserError: no such file, not a model, or one of a newer version.
    """
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(
            f"{path}: no such file; `assay mixture fit TABLE --target COLUMN --save {path}` makes it"
        ) from None
    except IsADirectoryError:
        raise UserError(f"{path} is a folder; a model that `assay mixture fit --save` wrote was expected") from None
    except (UnicodeDecodeError, json.JSONDecodeError):
        facts = None
    if not isinstance(facts, dict) or cast("dict[str, Any]", facts).get("format") != FORMAT:
        raise UserError(f"{path} is not a model that `assay mixture fit --save` wrote")
    found = cast("dict[str, Any]", facts)
    if found.get("version") != VERSION:
        raise UserError(f"{path}: a model of version {found.get('version')}; this assay reads version {VERSION}")
    try:
        return _restored(found)
    except (KeyError, TypeError, AttributeError, IndexError, np.linalg.LinAlgError):
        raise UserError(f"{path}: the model is damaged; fit it again") from None
    except ValueError as error:
        if isinstance(error, UserError):
            raise
        raise UserError(f"{path}: the model is damaged; fit it again") from None


def _restored(facts: dict[str, Any]) -> MixtureModel:
    weights = np.array(facts["weights"], dtype=np.float64)
    kind = cast("type[Regressor]", load_implementation("mixture_regressor", facts["regressor"]))
    targets: dict[str, Floats] = {}
    fitted: dict[str, Regressor] = {}
    for name, target in facts["targets"].items():
        targets[name] = np.array(target["values"], dtype=np.float64)
        if weights.shape != (len(targets[name]), len(facts["domains"])):
            raise ValueError("shapes differ")
        fitted[name] = kind.restore(target["state"], weights, targets[name])
    seed = int(facts["seed"])
    return MixtureModel(facts["regressor"], seed, facts["source"], tuple(facts["domains"]), weights, targets, fitted)


def combined(model: MixtureModel, importance: Mapping[str, float] | None = None) -> tuple[Predictor, dict[str, float]]:
    """What predicts the weighted mean of a model's targets (`weighted.py`), and the weights, which add up to one.

    Args:
        importance: by target; all alike if left out. Targets not named weigh nothing.

    Raises:
        UserError: an unknown target, or an importance below zero.
    """
    chosen = dict(importance or dict.fromkeys(model.targets, 1.0))
    for name, share in chosen.items():
        if name not in model.targets:
            raise UserError(f"the model was not fitted to '{name}'; it was to: {', '.join(model.targets)}")
        if not share >= 0 or math.isinf(share):
            raise UserError(f"the weight {share:g} of '{name}' should be zero or more")
    total = sum(chosen.values())
    if total <= 0:
        raise UserError("every target weighs zero; give at least one a positive weight")
    shares = {name: share / total for name, share in chosen.items() if share > 0}
    if len(shares) == 1:
        return model.fitted[next(iter(shares))], shares
    values = np.stack([model.targets[name] for name in shares])
    weights = np.array(list(shares.values()))
    if np.ptp(weights @ values) == 0:
        raise UserError("the weighted mean of the targets is the same for every trained mixture")
    return WeightedMean([model.fitted[name] for name in shares], values, weights), shares
