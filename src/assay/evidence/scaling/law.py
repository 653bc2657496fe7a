"""The law of loss: L(N, D) = E + A·N^−α + B·D^−β, fitted, with what it can and cannot say.

N is the number of parameters and D of training tokens (Hoffmann et al. 2022, equation 2). Minimised under C = 6·N·D,
the best N grows as C^(β/(α+β)): the compute exponent.
"""

import math
from dataclasses import dataclass, field
from typing import Any, Literal, cast

import numpy as np
from numpy.typing import NDArray

from assay.evidence.scaling import huber, projection, starts
from assay.evidence.scaling.huber import Design
from assay.evidence.scaling.runs import Runs
from assay.spec.errors import UserError

Floats = NDArray[np.float64]
Method = Literal["huber", "projection"]
PARAMETERS = ("A", "B", "E", "alpha", "beta")

#: Bootstrap resamples; the ends of a 95% interval then rest on ten of them.
RESAMPLES = 400
#: Fewest training runs to resample when rows are checkpoints.
_FEWEST_GROUPS = 3


@dataclass(frozen=True, slots=True)
class Law:
    """A fitted law and its bootstrap."""

    parameters: Floats
    """A, B, E, α and β, shape (5,)."""
    method: Method
    objective: float
    runs: Runs
    resampled: Floats = field(repr=False)
    """Parameters of each resample in the order of `PARAMETERS`, shape (resamples, 5)."""
    at_bound: dict[str, float] = field(default_factory=dict[str, float])
    """Share of the resamples in which an exponent ran into the end of what could be a power law."""

    @property
    def A(self) -> float:
        return float(self.parameters[0])

    @property
    def B(self) -> float:
        return float(self.parameters[1])

    @property
    def E(self) -> float:
        return float(self.parameters[2])

    @property
    def alpha(self) -> float:
        return float(self.parameters[3])

    @property
    def beta(self) -> float:
        return float(self.parameters[4])

    @property
    def exponent(self) -> float:
        """β/(α+β): the best number of parameters grows as compute to this power."""
        return self.beta / (self.alpha + self.beta)

    @property
    def exponents(self) -> Floats:
        """The compute exponent of each resample."""
        return self.resampled[:, 4] / (self.resampled[:, 3] + self.resampled[:, 4])

    def loss(self, params: Any, tokens: Any) -> Floats:
        """Predicted loss."""
        return losses(self.parameters[None], np.atleast_1d(params), np.atleast_1d(tokens))[0]

    @property
    def residuals(self) -> Floats:
        """Measured less predicted log loss."""
        return np.log(self.runs.loss) - np.log(self.loss(self.runs.params, self.runs.tokens))

    def interval(self, parameter: str) -> tuple[float, float]:
        """95% bootstrap interval of a parameter or of the `exponent`."""
        values = self.exponents if parameter == "exponent" else self.resampled[:, PARAMETERS.index(parameter)]
        low, high = np.quantile(values, [0.025, 0.975])
        return float(low), float(high)

    @property
    def untold(self) -> str | None:
        """Why the exponents cannot be told from these runs; None if they can."""
        for name, share in self.at_bound.items():
            if share > 0.025:
                return (
                    f"{name} cannot be told from these runs: its interval has no end within "
                    f"{huber.LEAST_EXPONENT:g} to {huber.MOST_EXPONENT:g}"
                )
        low, high = self.interval("exponent")
        if high - low > 0.6:
            return f"the compute exponent could be anything from {low:.2f} to {high:.2f}"
        return None


def losses(parameters: Floats, params: Floats, tokens: Floats) -> Floats:
    """Losses, shape (laws, points), of laws of shape (laws, 5) at sizes of shape (points,) or (laws, points)."""
    a, b, e, alpha, beta = (parameters[:, [i]] for i in range(5))
    return e + a * params**-alpha + b * tokens**-beta


def best_sizes(parameters: Floats, compute: Floats) -> tuple[Floats, Floats]:
    """Params and tokens of least loss under C = 6·N·D, each of shape (laws, computes) (Hoffmann et al., equation 4)."""
    a, b, _, alpha, beta = (parameters[:, [i]] for i in range(5))
    params = np.exp((np.log(alpha * a) - np.log(beta * b) + beta * np.log(compute / 6)) / (alpha + beta))
    return params, compute / 6 / params


def fit(runs: Runs, method: Method = "huber", resamples: int = RESAMPLES, seed: int = 0) -> Law:
    """Fit the law, with 95% intervals.

    `huber` is Chinchilla's third approach (`scaling.huber`), from 144 starts. `projection` is variable projection on
    squared relative errors (`scaling.projection`). The intervals are those of a Bayesian bootstrap (Rubin 1981): each
    run gets an exponential weight, so that no resample loses the few runs that hold an exponent; with groups each
    training run gets one for all its checkpoints, which are not independent. Distances from the estimate are stretched
    by t₀.₉₇₅(ν)/1.96·√(n/ν), with ν = n − 5 for runs and n − 1 for groups, so that a handful of runs does not look
    sure.

    Args:
        runs: at least six.
        method: which of the two.
        resamples: of the bootstrap.
        seed: of the bootstrap.

    Raises:
        UserError: fewer than three groups, or no law fits.
    """
    design = Design.of(runs.params, runs.tokens, runs.loss)
    best, objective, others = _optimum(design, method)
    weights, stretch = _weights(runs, resamples, seed)
    if method == "projection":
        sampled = np.array([projection.minimise(design, [best], weight)[0] for weight in weights])
    else:
        sampled = _resampled(design, np.concatenate([best[None], others]), weights)
    sampled = best + stretch * (sampled - best)
    low, high = huber.LEAST_EXPONENT, huber.MOST_EXPONENT
    beyond = (sampled[:, 3:] <= low * 1.001) | (sampled[:, 3:] >= high * 0.999)
    sampled[:, 3:] = np.clip(sampled[:, 3:], low, high)
    shares = {"alpha": float(beyond[:, 0].mean()), "beta": float(beyond[:, 1].mean())}
    return Law(natural(design, best[None])[0], method, objective, runs, natural(design, sampled), shares)


def natural(design: Design, theta: Floats) -> Floats:
    """A, B, E, α, β in the table's units, shape (fits, 5), from the parameters of `huber.minimise`."""
    x, y, z = design.centre
    logs = np.stack([theta[:, 0] + theta[:, 3] * x + z, theta[:, 1] + theta[:, 4] * y + z, theta[:, 2] + z], axis=1)
    return np.concatenate([np.exp(logs), theta[:, 3:]], axis=1)


def _optimum(design: Design, method: Method) -> tuple[Floats, float, Floats]:
    """The best fit, its objective, and up to two other local optima."""
    begin, errors = (array[0] for array in starts.grid(design, np.ones((1, len(design.x)))))
    order = np.argsort(errors)
    if method == "projection":
        theta, value = projection.minimise(design, list(begin[order[:4]]))
        return theta, value, theta[None][:0]
    # All starts come near, then the best are finished.
    theta, value = huber.minimise(design, begin, steps=20)
    theta, value = huber.minimise(design, theta[np.argsort(value)[:24]], steps=400)
    order = np.argsort(value)
    best = theta[order[0]]
    others = [theta[i] for i in order[1:] if np.abs(theta[i] - best).max() > 0.05][:2]
    return best, float(value[order[0]]), np.array(others).reshape(-1, 5)


def _weights(runs: Runs, resamples: int, seed: int) -> tuple[Floats, float]:
    """Weights of the runs in each resample, shape (resamples, runs), and how far distances are stretched."""
    rng = np.random.default_rng(seed)
    if runs.groups is None:
        n, free = len(runs), len(runs) - 5
        weights = rng.standard_exponential((resamples, n))
    else:
        names, place = np.unique(np.array(runs.groups), return_inverse=True)
        n, free = len(names), len(names) - 1
        if n < _FEWEST_GROUPS:
            raise UserError(f"{runs.name}: {n} groups; at least {_FEWEST_GROUPS} are needed to resample them")
        weights = rng.standard_exponential((resamples, n))[:, place]
    return weights / weights.mean(axis=1, keepdims=True), student_stretch(free, n)


def student_stretch(free: int, n: int) -> float:
    """t₀.₉₇₅(free)/1.96·√(n/free): what turns a bootstrap's tails over few runs into Student's."""
    from scipy import special  # pyright: ignore[reportMissingTypeStubs]

    return float(cast("Any", special).stdtrit(free, 0.975)) / 1.959964 * math.sqrt(n / free)


def _resampled(design: Design, known: Floats, weights: Floats) -> Floats:
    """The best fit of each resample, from the known optima and from the resample's own best start on the grid."""
    begin, errors = starts.grid(design, weights)
    own = begin[np.arange(len(weights)), errors.argmin(axis=1)]
    candidates: list[tuple[Floats, Floats]] = []
    for start in [*known, own]:
        candidates.append(huber.minimise(design, np.broadcast_to(start, (len(weights), 5)), weights))
    values = np.stack([value for _, value in candidates])
    thetas = np.stack([theta for theta, _ in candidates])
    return thetas[values.argmin(axis=0), np.arange(len(weights))]
