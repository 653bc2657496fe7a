"""Shrunken effects: what is left of a measured effect once it is known how often such effects are real.

The winner's curse. A change is promoted because its measured effect is large, and the measured effect is large partly
because its noise was kind. Raw effects of promoted changes are therefore too large on average, by a factor that Gelman
& Carlin (2014, "Beyond Power Calculations: Assessing Type S (Sign) and Type M (Magnitude) Errors") call the
exaggeration ratio or type M error. The cure is as old as James & Stein (1961, "Estimation with Quadratic Loss"): look
at all effects of the campaign together, see how widely true effects are spread beside the noise, and pull each
measurement towards what is usual by as much as its noise deserves. Efron (2011, "Tweedie's Formula and Selection Bias")
shows why that undoes selection: given the right prior, the posterior of an effect is the same whether or not somebody
picked it out for being large, or stopped measuring when it was.

Model. Test i measured m_i with standard error s_i on ν_i degrees of freedom, (m_i − θ_i)/s_i ~ Student t(ν_i). Its true
effect comes from a mixture of two groups, of changes that do next to nothing and of changes that do something
(Stephens 2017, "False discovery rates: a new deal", whose adaptive shrinkage has zero and a family of wider normals):

    θ_i ~ (1 − w)·N(0, (0.3·s)²) + w·(heavy-tailed slab of location μ and scale τ),   s: median standard error.

The slab is Student's t with 4 degrees of freedom, so that a few very good changes are not taken for noise. The share w,
τ and μ are not plugged in at their best fit: with few tests that would claim to know them. They are averaged over a
grid, each value weighted by the marginal likelihood of all tests times a weak prior (hierarchical Bayes; Gelman et al.
2013, "Bayesian Data Analysis", chapter 5). With few tests the weak prior rules, and `Prior.weak` says so.

Everything is a mixture of normals (Student's t as a mixture over its variance, at a few equal-weight nodes), so means
and intervals follow in closed form. What is not exact: the model. Chosen by simulation among this, a single normal
prior and a narrower group at zero: where one change in ten does something, the single normal takes a third off the
effects that are real and its intervals hold half of the promoted ones; this keeps 95% of them, and loses little where
all effects do come from one normal.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from scipy import special  # pyright: ignore[reportMissingTypeStubs]

Floats = NDArray[np.float64]
_digamma = cast("Callable[[Floats | float], Any]", special.digamma)  # pyright: ignore[reportUnknownMemberType]
_polygamma = cast("Callable[[int, Floats | float], Any]", special.polygamma)  # pyright: ignore[reportUnknownMemberType]

#: Tests below which the weak prior rules.
FEW = 10
#: Width of the group that does next to nothing, in median standard errors: too narrow to be told from zero, and wide
#: enough for the intervals of small effects to hold them.
SPIKE = 0.3
SLAB_DEGREES = 4.0
#: Degrees of freedom from which a prior variance counts as known.
MOST_DEGREES = 1e4
#: Values of the share of changes that do something, equally likely beforehand.
SHARES = np.array([0.01, 0.03, 0.06, 0.1, 0.2, 0.35, 0.5, 0.7, 0.9, 1.0])
#: Location of the slab in units of its scale.
LOCATIONS = np.array([-1.0, -0.5, 0.0, 0.5, 1.0])
LOCATION_WEIGHTS = np.array([0.1, 0.2, 0.4, 0.2, 0.1])
SCALES = 10
#: Equal-weight normals that stand for Student's t: of a likelihood, and of the slab.
NODES, SLAB_NODES = 8, 5


@dataclass(frozen=True, slots=True)
class Prior:
    """What the campaign's history says about effects of changes in general; means over the grid's posterior."""

    tests: int
    share: float
    """Of changes that do something."""
    location: float
    """Mean effect of those, in the unit of the effects."""
    scale: float
    """Their spread (scale of the t), in the same unit."""
    weak: bool
    """Whether so few tests are known that the weak default prior rules."""


@dataclass(frozen=True, slots=True)
class Shrunken:
    """The posterior of one true effect."""

    mean: float
    low: float
    """2.5% quantile."""
    high: float
    """97.5% quantile."""
    positive: float
    """Probability that the effect is above zero."""


def shrink(
    effects: Sequence[float],
    errors: Sequence[float],
    degrees: Sequence[float] | None = None,
    only: Sequence[int] | None = None,
) -> tuple[Prior, list[Shrunken]]:
    """Shrink effects that were measured in one campaign towards what is usual in it.

    Args:
        effects: measured effects, each test once, promoted or not; leaving failures out would make all look good.
        errors: their standard errors, in the same unit, above zero.
        degrees: degrees of freedom of each standard error; known errors (a normal likelihood) if left out.
        only: places of the tests to report on, in this order; all if left out.
    """
    assert len(effects) == len(errors) > 0
    m, se = np.asarray(effects, dtype=float), np.asarray(errors, dtype=float)
    nu = np.full(len(m), math.inf) if degrees is None else np.asarray(degrees, dtype=float)
    assert bool((se > 0).all())
    assert bool((nu > 0).all())
    typical = float(np.median(se))
    # Variances of each likelihood, shape (tests, nodes), and of the prior's components, shape (components,).
    variance = se[:, None] ** 2 * np.stack([_variance_ratios(v, NODES) for v in nu])
    largest = max(8 * typical, 2 * float(np.abs(m).max()))
    taus = np.geomspace(0.5 * typical, largest, SCALES)
    slab_ratios = _variance_ratios(SLAB_DEGREES, SLAB_NODES)
    # Hyperparameters (μ, τ) in one axis; the slab's own normals in another.
    tau = np.repeat(taus, len(LOCATIONS))
    mu = tau * np.tile(LOCATIONS, SCALES)
    prior_weight = np.tile(LOCATION_WEIGHTS, SCALES) / SCALES
    slab_variance = tau[:, None] ** 2 * slab_ratios  # (hyper, slab nodes)
    spike_variance = (SPIKE * typical) ** 2

    null = _log_normal(m[:, None], 0.0, spike_variance + variance)  # (tests, nodes)
    slab = _log_normal(
        m[:, None, None, None], mu[None, None, :, None], slab_variance[None, None] + variance[:, :, None, None]
    )  # (tests, nodes, hyper, slab nodes)
    top = np.maximum(null.max(axis=1), slab.max(axis=(1, 2, 3)))
    null, slab = np.exp(null - top[:, None]) / NODES, np.exp(slab - top[:, None, None, None]) / (NODES * SLAB_NODES)
    of_null, of_slab = null.sum(axis=1), slab.sum(axis=(1, 3))  # (tests,), (tests, hyper)
    marginal = (1 - SHARES)[:, None, None] * of_null + SHARES[:, None, None] * of_slab.T[None]
    with np.errstate(divide="ignore"):  # a prior under which some test is out of the question
        log_weight = np.log(marginal).sum(axis=2) + np.log(prior_weight)
    weight = np.exp(log_weight - log_weight.max())
    weight /= weight.sum()  # (shares, hyper): the grid's posterior
    prior = Prior(
        tests=len(m),
        share=float((weight.sum(axis=1) * SHARES).sum()),
        location=float((weight.sum(axis=0) * mu).sum()),
        scale=float((weight.sum(axis=0) * tau).sum()),
        weak=len(m) < FEW,
    )
    found: list[Shrunken] = []
    for i in range(len(m)) if only is None else only:
        # Given the grid's posterior, the posterior of θ_i: responsibilities of the spike and of each slab.
        share = weight / np.maximum(marginal[:, :, i], 1e-300)
        of_spike = float((share * (1 - SHARES)[:, None]).sum())
        of_hyper = (share * SHARES[:, None]).sum(axis=0)
        weights = np.concatenate([of_spike * null[i], (slab[i] * of_hyper[None, :, None]).ravel()])
        means_0, vars_0 = _posterior(m[i], variance[i], np.zeros(1), np.array([spike_variance]))
        means_1, vars_1 = _posterior(m[i], variance[i][:, None, None], mu[None, :, None], slab_variance[None])
        means = np.concatenate([means_0.ravel(), means_1.ravel()])
        deviations = np.sqrt(np.concatenate([vars_0.ravel(), vars_1.ravel()]))
        weights /= weights.sum()
        kept = weights > 1e-7
        found.append(_summary(weights[kept], means[kept], deviations[kept]))
    return prior, found


def moderate(deviations: Sequence[float], degrees: Sequence[float]) -> tuple[list[float], list[float]]:
    """Standard deviations of a few values each, pulled towards what is usual among them.

    The deviation of two or three pairs says next to nothing, and that of many such comparisons together a lot. True
    variances are taken to vary as an inverse χ² with d₀ degrees of freedom around s₀²; both are estimated from the
    mean and the spread of log s², and each variance becomes (d₀·s₀² + d·s²)/(d₀ + d) on d₀ + d degrees of freedom
    (Smyth 2004, "Linear Models and Empirical Bayes Methods for Assessing Differential Expression", section 6.2).

    Args:
        deviations: above zero.
        degrees: degrees of freedom of each.

    Returns:
        Deviations and their degrees of freedom, infinite where nothing speaks against one noise for all; as they came
        if there are fewer than three.
    """
    if len(deviations) < 3:
        return list(deviations), list(degrees)
    half = np.asarray(degrees, dtype=float) / 2
    log_variance: Floats = 2 * np.log(np.asarray(deviations, dtype=float)) - _digamma(half) + np.log(half)
    centre = float(log_variance.mean())
    excess = float(log_variance.var(ddof=1)) - sum(_trigamma(d / 2) for d in degrees) / len(degrees)
    if excess <= _trigamma(MOST_DEGREES / 2):
        return [math.exp(centre / 2)] * len(deviations), [math.inf] * len(deviations)
    low, high = math.log(1e-3), math.log(MOST_DEGREES)
    for _ in range(60):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if _trigamma(math.exp(middle) / 2) > excess else (low, middle)
    prior = math.exp(0.5 * (low + high))
    usual = math.exp(centre + float(_digamma(prior / 2)) - math.log(prior / 2))
    found = [math.sqrt((prior * usual + d * s * s) / (prior + d)) for s, d in zip(deviations, degrees, strict=True)]
    return found, [prior + d for d in degrees]


def _trigamma(x: float) -> float:
    return float(_polygamma(1, x))


def _variance_ratios(degrees: float, nodes: int) -> Floats:
    """Equal-weight variances of normals whose mixture is Student's t of scale 1."""
    if math.isinf(degrees):
        return np.ones(nodes)
    upper = (np.arange(nodes) + 0.5) / nodes
    return cast("Floats", degrees / special.chdtri(degrees, upper))


def _log_normal(value: Floats, mean: Floats | float, variance: Floats) -> Floats:
    return -0.5 * ((value - mean) ** 2 / variance + np.log(variance))


def _posterior(value: float, variance: Floats, mean: Floats, prior_variance: Floats) -> tuple[Floats, Floats]:
    """Mean and variance of a normal effect given one normal measurement of it."""
    weight = prior_variance / (prior_variance + variance)
    return mean + weight * (value - mean), weight * variance


def _summary(weights: Floats, means: Floats, deviations: Floats) -> Shrunken:
    def below(x: float) -> float:
        return float((weights * special.ndtr((x - means) / deviations)).sum())

    def quantile(p: float) -> float:
        low, high = float((means - 12 * deviations).min()), float((means + 12 * deviations).max())
        for _ in range(40):
            middle = 0.5 * (low + high)
            low, high = (middle, high) if below(middle) < p else (low, middle)
        return 0.5 * (low + high)

    return Shrunken(float((weights * means).sum()), quantile(0.025), quantile(0.975), 1 - below(0.0))
