"""Many Gaussian tests at once: a second implementation of the e-value, in numpy, and exact bounds on frequencies."""

import numpy as np
from numpy.typing import NDArray
from scipy import stats

Floats = NDArray[np.float64]


def gaussian_RN(seed: int, repetitions: int, pairs: int, effect: float = 0.0, sd: float = 1.0) -> Floats:
    return sd * (np.random.default_rng(seed).standard_normal((repetitions, pairs)) + effect)


def running_moments(d_RN: Floats) -> tuple[Floats, Floats, Floats]:
    """n, mean and standard deviation after each pair (the first deviation is 0)."""
    n_N = np.arange(1, d_RN.shape[1] + 1, dtype=float)
    mean_RN = np.cumsum(d_RN, axis=1) / n_N
    squares_RN = np.cumsum(d_RN**2, axis=1) - n_N * mean_RN**2
    sd_RN = np.sqrt(np.maximum(squares_RN, 0) / np.maximum(n_N - 1, 1))
    sd_RN[:, 0] = 0
    return n_N, mean_RN, sd_RN


def e_values_RN(d_RN: Floats, g: float = 3.0) -> Floats:
    """The one-sided t-mixture after each pair, written out from its marginal likelihoods."""
    n_N, mean_RN, _ = running_moments(d_RN)
    total_RN = np.cumsum(d_RN**2, axis=1)
    with np.errstate(all="ignore"):
        explained_RN = g * (n_N * mean_RN) ** 2 / (1 + g * n_N)
        rest_RN = total_RN - explained_RN
        factor_RN = (total_RN / rest_RN) ** (n_N / 2) / np.sqrt(1 + g * n_N)
        location_RN = n_N * mean_RN / (n_N + 1 / g)
        scale_RN = np.sqrt(rest_RN / (n_N * (n_N + 1 / g)))
        e_RN = factor_RN * stats.t.cdf(location_RN / scale_RN, n_N) / 0.5
    e_RN[:, 0] = 1
    return e_RN


def stop_RN(stops_RN: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Index of the first stop of each row; the last index where there is none."""
    return np.where(stops_RN.any(axis=1), stops_RN.argmax(axis=1), stops_RN.shape[1] - 1)


def at_most(hits: int, trials: int, bound: float, confidence: float = 0.9999) -> bool:
    """False when the exact lower confidence bound of a probability exceeds `bound`."""
    lower = stats.beta.ppf(1 - confidence, hits, trials - hits + 1) if hits else 0.0
    return bool(lower <= bound)


def at_least(hits: int, trials: int, bound: float, confidence: float = 0.9999) -> bool:
    """True when the exact lower confidence bound of a probability is above `bound`."""
    return hits > 0 and bool(stats.beta.ppf(1 - confidence, hits, trials - hits + 1) >= bound)


def likelihood_ratios_RN(d_RN: Floats, effect: float, sd_R: Floats, degrees: float) -> Floats:
    """Marginal likelihood of a true effect over that of none after each pair, σ integrated on a grid of χ values."""
    n_N = np.arange(1, d_RN.shape[1] + 1)
    squares_RN = degrees * sd_R[:, None] ** 2 + np.cumsum(d_RN**2, axis=1)
    statistic_RN = np.cumsum(d_RN, axis=1) / np.sqrt(squares_RN)
    found_RN = np.empty_like(d_RN)
    for place, n in enumerate(n_N):
        low, high = stats.chi.ppf([1e-6, 1 - 1e-9], degrees + n)
        chi_G = np.linspace(low, high + 2, 120)
        log_G = stats.chi.logpdf(chi_G, degrees + n) + np.log(chi_G[1] - chi_G[0]) - n * effect**2 / 2
        found_RN[:, place] = np.exp(effect * statistic_RN[:, place, None] * chi_G + log_G).sum(axis=1)
    return found_RN
