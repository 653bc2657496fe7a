"""How good the lab's evidence is: `python benchmarks/evidence.py [--quick] [--svg curve.svg]`.

1. Power against what a null costs, at a threshold of 2,000 and a cap of 40 pairs, with the whole curve.
2. Whole campaigns with 10% true effects: false discovery rate, and what is found for the pairs spent.
3. Coverage of confidence sequences and false alarms where differences are not Gaussian.
4. What the loss half-way says about the loss at the end.
5. Coverage of compute multipliers.

Noise is Gaussian, and resampled from real training logs where the environment variable ASSAY_SHARED names the folder
with the reference data. Two runs of one group, drawn with replacement and with the rounding of the log undone, make a
pair; effects are in deviations of a paired difference.
"""

import argparse
import csv
import gzip
import importlib.util
import math
import os
import platform
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import special, stats

from assay.campaign.simulate import World, characteristics, random_proposals, simulate
from assay.evidence.online import level
from assay.evidence.pooling import Pool
from assay.evidence.sequential import (
    FUTILE_AT,
    Noise,
    confidence_sequence,
    critical_effect,
    e_value_skewed,
    futility_effect,
)
from assay.interfaces.report.picture import Panel, picture, write_picture
from assay.interfaces.report.plot import Axis, curves, marker, polyline
from assay.spec.lab import EvidenceSettings

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

THRESHOLD, CAP = 2_000.0, 40
ROUNDING = 1e-4
LEAST_RUNS = 5


# Noise


class Arms:
    """Scores of champion and candidate without any effect, such that a paired difference has a deviation of 1."""

    name = "Gaussian"

    def draw(self, rng: np.random.Generator, rows: int, pairs: int) -> tuple[Floats, Floats, NDArray[np.intp]]:
        """Champion, candidate, and the group that each row is from."""
        scale = math.sqrt(0.5)
        champion, candidate = (scale * rng.standard_normal((rows, pairs)) for _ in range(2))
        return champion, candidate, np.zeros(rows, dtype=np.intp)

    def prior(self, group: int, degrees: float, rng: np.random.Generator) -> Noise:  # noqa: ARG002 as in `Logs`
        return Noise(math.sqrt(rng.chisquare(degrees) / degrees), degrees)


class Logs(Arms):
    """Final losses of the public speedrun logs, resampled within groups of five or more runs."""

    name = "real logs"

    def __init__(self, folder: Path) -> None:
        groups: dict[tuple[str, str], list[float]] = {}
        with (folder / "runs.csv").open(encoding="utf-8") as file:
            for row in csv.DictReader(file):
                groups.setdefault((row["record_dir"], row["group"]), []).append(float(row["val_loss"]))
        kept = [np.array(losses) for losses in groups.values() if len(losses) >= LEAST_RUNS and np.std(losses) > 0]
        self.groups = [losses - losses.mean() for losses in kept]
        # What undoing the rounding adds is part of the noise, a few per cent of it.
        self.units = [math.sqrt(2 * (losses.var() + ROUNDING**2 / 12)) for losses in self.groups]
        self.priors = [self._others(group) for group in range(len(self.groups))]

    def draw(self, rng: np.random.Generator, rows: int, pairs: int) -> tuple[Floats, Floats, NDArray[np.intp]]:
        group_R = rng.integers(len(self.groups), size=rows)
        arms = np.empty((2, rows, pairs))
        for group, losses in enumerate(self.groups):
            mine = np.flatnonzero(group_R == group)
            drawn = rng.choice(losses, (2, len(mine), pairs)) + ROUNDING * (rng.random((2, len(mine), pairs)) - 0.5)
            arms[:, mine] = drawn / self.units[group]
        return arms[0], arms[1], group_R

    def _others(self, group: int) -> Noise:
        """What all other groups say about this one's deviation, in its unit: pairs of runs in order of the table."""
        pool = Pool()
        for other, losses in enumerate(self.groups):
            if other != group:
                half = len(losses) // 2
                pool.add(other, list(losses[:half] - losses[half : 2 * half]))
        noise = pool.noise()
        assert noise is not None
        return Noise(noise.sd / self.units[group], noise.degrees)

    def prior(self, group: int, degrees: float, rng: np.random.Generator) -> Noise:  # noqa: ARG002 as in `Arms`
        return self.priors[group]


# The test, written out for many rows at once


def moments(d_RN: Floats) -> tuple[Floats, Floats, Floats]:
    n_N = np.arange(1, d_RN.shape[1] + 1, dtype=float)
    mean_RN = np.cumsum(d_RN, axis=1) / n_N
    squares_RN = np.maximum(np.cumsum(d_RN**2, axis=1) - n_N * mean_RN**2, 1e-300)
    return n_N, mean_RN, np.sqrt(squares_RN / np.maximum(n_N - 1, 1))


def log_e(d_RN: Floats, g: float = 3.0) -> Floats:
    n_N = np.arange(1, d_RN.shape[1] + 1, dtype=float)
    sum_RN, total_RN = np.cumsum(d_RN, axis=1), np.maximum(np.cumsum(d_RN**2, axis=1), 1e-300)
    rest_RN = np.maximum(total_RN - g * sum_RN**2 / (1 + g * n_N), 1e-300)
    scale_RN = np.sqrt(rest_RN / (n_N * (n_N + 1 / g)))
    side_RN = np.log(np.maximum(2 * special.stdtr(n_N, sum_RN / (n_N + 1 / g) / scale_RN), 1e-300))
    found_RN = n_N / 2 * np.log(total_RN / rest_RN) - 0.5 * np.log1p(g * n_N) + side_RN
    found_RN[:, 0] = 0
    return found_RN


def log_ratio(
    n_N: Floats, mean_RN: Floats, sd_RN: Floats, worth_N: Floats, sd_R: Floats, degrees_R: Floats, effect: float = 1.0
) -> Floats:
    """Logarithm of `sequential.likelihood_ratio`, by quadrature over the deviation."""
    found_RN = np.empty_like(mean_RN)
    middle_Q = (np.arange(48) + 0.5) / 48
    for degrees in np.unique(degrees_R):
        rows = degrees_R == degrees
        for place, n in enumerate(n_N):
            worth, mean_R = worth_N[place], mean_RN[rows, place]
            total_R = degrees * sd_R[rows] ** 2 + (n - 1) * sd_RN[rows, place] ** 2 + worth * mean_R**2
            tilt_R = effect * worth * mean_R / np.sqrt(np.maximum(total_R, 1e-300))
            chi_Q = np.sqrt(special.chdtri(degrees + n, middle_Q))
            found_RN[rows, place] = special.logsumexp(tilt_R[:, None] * chi_Q, axis=1) - math.log(48)
            found_RN[rows, place] -= worth * effect**2 / 2
    return found_RN


def corrected(champion_RN: Floats, d_RN: Floats, runs: int) -> tuple[Floats, Floats]:
    """`sequential.with_further_runs` at correlation 0: mean difference and worth with so many champion runs in all."""
    n_N = np.arange(1, d_RN.shape[1] + 1)
    known_N = np.minimum(np.maximum(n_N, runs), d_RN.shape[1])
    sums_RN = np.cumsum(champion_RN, axis=1)
    luck_RN = sums_RN / n_N - sums_RN[:, known_N - 1] / known_N
    return np.cumsum(d_RN, axis=1) / n_N - luck_RN, n_N / (0.5 + 0.5 * n_N / known_N)


def first(stops_RN: Bools) -> NDArray[np.intp]:
    return np.where(stops_RN.any(axis=1), stops_RN.argmax(axis=1), stops_RN.shape[1])


def ends(log_e_RN: Floats, futile_RN: Bools, threshold: float | Floats = THRESHOLD) -> tuple[Bools, NDArray[np.intp]]:
    """Which rows are promoted, and the pairs that each took."""
    reached_RN = log_e_RN >= np.log(threshold)
    hit_R, stop_R = first(reached_RN), first(futile_RN)
    return (hit_R <= stop_R) & (hit_R < log_e_RN.shape[1]), np.minimum(np.minimum(hit_R, stop_R) + 1, log_e_RN.shape[1])


def hopeless(n_N: Floats, mean_RN: Floats, sd_RN: Floats) -> Bools:
    """The scale-free rule of `sequential.futile`."""
    floor_N = np.array([-math.inf] + [futility_effect(int(n), THRESHOLD, CAP) for n in n_N[1:]])
    with np.errstate(invalid="ignore"):
        return mean_RN < floor_N * sd_RN


# 1. Power and the cost of a null

BOUNDS = (0.15, 0.2, FUTILE_AT, 0.3, 0.35, 0.4, 0.5, 0.6, 0.7)
Point = tuple[float, float, float, float]
"""Pairs a null, share of nulls promoted, of effects of 1, of effects of 2."""


def points(arms: Arms, rows: int, seed: int, what: str, factor: float = 1.0) -> dict[float, Point]:
    """The operating points of one kind of futility, by its bound.

    Args:
        what: `e`, `wald`, `nothing`, degrees of freedom of the prior, or `N+M` with M runs of the champion besides.
        factor: by which the prior's deviation is wrong.
    """
    rng = np.random.default_rng(seed)
    found: dict[float, list[float]] = {bound: [] for bound in BOUNDS}
    pairs: dict[float, float] = {}
    rates: dict[float, float] = {}
    for effect in (0.0, 1.0, 2.0):
        champion_RN, candidate_RN, group_R = arms.draw(rng, rows, CAP)
        d_RN = champion_RN - candidate_RN + effect
        n_N, mean_RN, sd_RN = moments(d_RN)
        log_e_RN = log_e(d_RN)
        base_RN = np.zeros_like(d_RN, dtype=bool)
        if what == "e":
            looked_RN = log_e_RN
        elif what == "wald":
            looked_RN, log_e_RN = np.cumsum(d_RN - 0.5, axis=1), np.where(n_N == CAP, math.inf, 0.0) + 0 * d_RN
        else:
            degrees, _, runs = what.partition("+")
            if degrees == "nothing":
                priors = [Noise(1.0, 0.0)]
                index_R = np.zeros(rows, dtype=np.intp)
            elif isinstance(arms, Logs):
                priors, index_R = arms.priors, group_R
            else:
                priors = [arms.prior(0, float(degrees), rng) for _ in range(rows)]
                index_R = np.arange(rows)
            sd_R = factor * np.array([prior.sd for prior in priors])[index_R]
            degrees_R = np.array([prior.degrees for prior in priors])[index_R]
            better_RN, worth_N = corrected(champion_RN, d_RN, int(runs)) if runs else (mean_RN, n_N)
            looked_RN = log_ratio(n_N, better_RN, sd_RN, worth_N, sd_R, degrees_R)
            base_RN = hopeless(n_N, mean_RN, sd_RN)
        for bound in BOUNDS:
            futile_RN = (looked_RN < math.log(bound)) | base_RN
            if what in ("e", "nothing"):
                futile_RN[:, 0] = False
            promoted_R, pairs_R = ends(log_e_RN, futile_RN)
            if effect == 0:
                pairs[bound], rates[bound] = float(pairs_R.mean()), float(promoted_R.mean())
            else:
                found[bound].append(float(promoted_R.mean()))
    return {bound: (pairs[bound], rates[bound], found[bound][0], found[bound][1]) for bound in BOUNDS}


def power_tables(all_arms: Sequence[Arms], rows: int, svg: Path | None) -> None:
    print(f"\n## Power and the cost of a null\n\nThreshold {THRESHOLD:,.0f}, cap {CAP} pairs, {rows:,} tests each.")
    print("The loop's bound is printed; `nothing`: scale-free, no knowledge. Keep-if-lower promotes ", end="")
    print(f"{100 * kept_nulls(rows):.1f} of 100 nulls at one run each.\n")
    print(
        "| noise | futility | pairs a null | nulls promoted | effects of 1 | effects of 2 |\n|---|---|---|---|---|---|"
    )
    drawn: list[tuple[str, dict[float, Point]]] = []
    for arms in all_arms:
        logs = isinstance(arms, Logs)
        kinds = [("e", "e-value below the bound"), ("nothing", "likelihood ratio, nothing known")]
        if logs:
            kinds += [("0", "the other groups' noise"), ("0+10", "and 10 runs of the champion")]
        else:
            kinds += [(f"{nu}", f"noise known with {nu} degrees of freedom") for nu in (3, 10, 30)]
            kinds += [(f"30+{runs}", f"30 degrees, and {runs} runs of the champion") for runs in (5, 10, 20)]
            kinds += [("wald", "bound on any test of pairs (Wald)")]
        for what, name in kinds:
            curve = points(arms, rows, 1, what)
            shown = (0.5, 0.6) if what == "e" else (FUTILE_AT, 0.3)
            for bound in shown:
                print_row(arms.name, f"{name}, {bound:g}", curve[bound])
            if not logs and what in ("e", "30", "30+10", "wald"):
                drawn.append((name, curve))
        if not logs:
            for factor in (1 / 3.5, 1 / 2, 2, 3.5):
                for nu in (3, 10, 30):
                    point = points(arms, rows // 2, 2, f"{nu}", factor)[FUTILE_AT]
                    print_row(arms.name, f"prior {factor:.2g} times the truth, {nu} degrees, {FUTILE_AT:g}", point)
    print("\nThe whole curve, Gaussian: pairs a null → effects of 1 found (bounds from 0.15 to 0.7).\n")
    for name, curve in drawn:
        print(f"- {name}: " + ", ".join(f"{p[0]:.1f} → {100 * p[2]:.0f}%" for p in curve.values()))
    if svg:
        draw(svg, drawn)


def print_row(noise: str, name: str, point: Point) -> None:
    pairs, rate, one, two = point
    print(f"| {noise} | {name} | {pairs:.2f} | {100 * rate:.3f}% | {100 * one:.1f}% | {100 * two:.1f}% |")


def kept_nulls(rows: int) -> float:
    """Share of 100 changes that do nothing which keep-if-lower accepts: each new best of a row of draws."""
    scores_RN = np.random.default_rng(3).standard_normal((min(rows, 4_000), 101))
    best_RN = np.minimum.accumulate(scores_RN, axis=1)
    return float((scores_RN[:, 1:] < best_RN[:, :-1]).mean())


#: The curves of the picture in few words, in their order.
LEGEND = ("e-value alone", "noise known", "and 10 runs of the champion", "Wald's bound")


def draw(path: Path, drawn: Sequence[tuple[str, dict[float, Point]]]) -> None:
    x_axis, y_axis = Axis(2, 6), Axis(50, 100)
    kinds = ("faint", "good", "", "second")
    marks = []
    for place, (name, curve) in enumerate(drawn):
        spots = [(x_axis.at(p[0]), y_axis.at(100 * p[2])) for p in curve.values() if 2 <= p[0] <= 6]
        marks.append(curves(polyline(spots, name, class_=f"curve {kinds[place % 4]}".strip())))
    here = next(curve for name, curve in drawn if name == "noise known with 30 degrees of freedom")[FUTILE_AT]
    marks.append(marker(1, x_axis.at(here[0]), y_axis.at(100 * here[2]), "the loop", class_="mark good"))
    panel = Panel(
        marks,
        [(x_axis.at(x), f"{x:g}") for x in (2, 3, 4, 5, 6)],
        [(y_axis.at(y), f"{y:g}%") for y in (50, 60, 70, 80, 90, 100)],
        "pairs spent on a change that does nothing",
        "effects of one deviation that are found",
        [(legend, kind, 0) for legend, kind in zip(LEGEND, kinds, strict=True)],
        height=320,
    )
    text = (
        "Threshold 2,000, cap 40 pairs. Further left is cheaper, further up finds more; no test of its own pairs alone "
        "lies above Wald's curve."
    )
    write_picture(path, picture("What a null costs, and what is found", text, [panel]))


# 2. Whole campaigns


def campaign_row(
    name: str, false_R: Floats, promoted_R: Floats, found_R: Floats, true_R: Floats, pairs_R: Floats
) -> None:
    share_R = false_R / np.maximum(promoted_R, 1)
    error = 1.96 * share_R.std() / math.sqrt(len(share_R))
    power = found_R.sum() / max(true_R.sum(), 1)
    each = 100 * found_R.sum() / pairs_R.sum()
    print(
        f"| {name} | {100 * share_R.mean():.1f}% ± {100 * error:.1f}% | {100 * power:.0f}% | {pairs_R.mean():.0f} | "
        f"{100 * power / (pairs_R.mean() / 100):.0f}% | {each:.2f} |"
    )


def campaigns(all_arms: Sequence[Arms], number: int, proposals: int = 50, effect: float = 2.0) -> None:
    print(f"\n## Whole campaigns\n\n{number} campaigns of {proposals} proposals, 10% with a true effect of {effect:g}.")
    print("Two runs are a pair. FDR: mean share of false promotions, with its 95% interval.\n")
    print("| method | FDR | true effects found | pairs | share found per 100 pairs | found per 100 pairs |")
    print("|---|---|---|---|---|---|")
    for arms in all_arms:
        rng = np.random.default_rng(11)
        true_RP = rng.random((number, proposals)) < 0.1
        flat = number * proposals
        champion, candidate, group_R = arms.draw(rng, flat, CAP)
        d_RN = champion - candidate + effect * true_RP.reshape(-1)[:, None]
        keep_if_lower(arms, rng, true_RP, effect)
        n_N, mean_RN, sd_RN = moments(d_RN)
        log_e_RN = log_e(d_RN)

        five_R = mean_RN[:, 4] / sd_RN[:, 4] * math.sqrt(5) > stats.t.ppf(0.95, 4)
        one_stage(f"{arms.name}: t-test of 5 pairs at 5%", five_R, np.full(flat, 5), true_RP)
        plain, pairs = ends(log_e_RN, (log_e_RN < math.log(0.5)) & (n_N > 1), 20.0)
        one_stage(f"{arms.name}: sequential at e ≥ 20, uncorrected", plain, pairs, true_RP)
        priors = [arms.prior(int(group), 30, rng) for group in group_R]
        sd_R, degrees_R = (np.array([getattr(prior, key) for prior in priors]) for key in ("sd", "degrees"))
        futile_RN = log_ratio(n_N, mean_RN, sd_RN, n_N, sd_R, degrees_R) < math.log(FUTILE_AT)
        online(f"{arms.name}: e-LOND, one scale, cap {CAP}", log_e_RN, futile_RN, true_RP)
    settings = EvidenceSettings()
    found = []
    for campaign in range(number):
        rng = np.random.default_rng([13, campaign])
        found.append(simulate(settings, random_proposals(rng, proposals, 0.1, effect), rng, World()))
    campaign_row(
        "Gaussian: the lab, two scales and all stages, cap 20",
        *(
            np.array(values, dtype=float)
            for values in (
                [c.false_promotions for c in found],
                [len(c.promoted) for c in found],
                [len(c.promoted) - c.false_promotions for c in found],
                [len(c.true) for c in found],
                [sum(c.runs) / 2 for c in found],
            )
        ),
    )
    summary = characteristics(found)
    print(f"\nLabs that ever promoted a false change: {100 * summary.erring:.1f}%, 99% interval ", end="")
    print(f"{100 * summary.erring_low:.1f} to {100 * summary.erring_high:.1f}%.")


def one_stage(name: str, promoted_R: Bools, pairs_R: NDArray[np.integer], true_RP: Bools) -> None:
    promoted_RP, pairs_RP = promoted_R.reshape(true_RP.shape), np.asarray(pairs_R).reshape(true_RP.shape)
    campaign_row(
        name, (promoted_RP & ~true_RP).sum(axis=1), promoted_RP.sum(axis=1), (promoted_RP & true_RP).sum(axis=1),
        true_RP.sum(axis=1), pairs_RP.sum(axis=1),
    )  # fmt: skip


def keep_if_lower(arms: Arms, rng: np.random.Generator, true_RP: Bools, effect: float) -> None:
    """One run a proposal; the lowest score so far is the champion, lucky or not."""
    number, proposals = true_RP.shape
    draws_RN, _, _ = arms.draw(rng, number, proposals + 1)
    level_R, best_R = np.zeros(number), draws_RN[:, 0].copy()
    promoted_RP = np.zeros_like(true_RP)
    for place in range(proposals):
        expected_R = level_R - effect * true_RP[:, place]
        score_R = expected_R + draws_RN[:, place + 1]
        kept_R = score_R < best_R
        best_R, level_R = np.where(kept_R, score_R, best_R), np.where(kept_R, expected_R, level_R)
        promoted_RP[:, place] = kept_R
    one_stage(f"{arms.name}: keep if lower", promoted_RP.reshape(-1), np.full(true_RP.size, 1), true_RP)


def online(name: str, log_e_RN: Floats, futile_RN: Bools, true_RP: Bools) -> None:
    """The spending sequence over one-scale tests, promotions credited as they come."""
    number, proposals = true_RP.shape
    log_e_RPN, futile_RPN = (a.reshape(number, proposals, -1) for a in (log_e_RN, futile_RN))
    promoted_RP, pairs_RP = np.zeros_like(true_RP), np.zeros(true_RP.shape, dtype=int)
    count_R = np.zeros(number, dtype=int)
    for place in range(proposals):
        threshold_R = np.array([1 / level(0.05, place + 1, int(count)) for count in count_R])
        promoted_RP[:, place], pairs_RP[:, place] = ends(
            log_e_RPN[:, place], futile_RPN[:, place], threshold_R[:, None]
        )
        count_R += promoted_RP[:, place]
    one_stage(name, promoted_RP.reshape(-1), pairs_RP.reshape(-1), true_RP)


# 3. Where differences are not Gaussian


def shapes(logs: Logs | None) -> dict[str, Callable[[np.random.Generator, int, int], Floats]]:
    """Differences with expectation 0."""

    def contaminated(rng: np.random.Generator, rows: int, pairs: int) -> Floats:
        return rng.standard_normal((rows, pairs)) * np.where(rng.random((rows, pairs)) < 0.1, 5.0, 1.0)

    def bad_seeds(rng: np.random.Generator, rows: int, pairs: int) -> Floats:
        return rng.standard_normal((rows, pairs)) - 6 * (rng.random((rows, pairs)) < 0.05) + 0.3

    def unequal(rng: np.random.Generator, rows: int, pairs: int) -> Floats:
        return rng.standard_normal((rows, pairs)) - 2 * rng.standard_normal((rows, pairs))

    found: dict[str, Callable[[np.random.Generator, int, int], Floats]] = {
        "Gaussian": lambda rng, rows, pairs: rng.standard_normal((rows, pairs)),
        "Gaussian arms, one twice as noisy": unequal,
        "t, 3 degrees of freedom": lambda rng, rows, pairs: rng.standard_t(3, (rows, pairs)),
        "Laplace": lambda rng, rows, pairs: rng.laplace(size=(rows, pairs)),
        "contaminated: 1 in 10 pairs 5 times as noisy": contaminated,
        "skewed: exponential, tail on the better side": lambda rng, rows, pairs: rng.exponential(1, (rows, pairs)) - 1,
        "skewed: exponential, tail on the worse side": lambda rng, rows, pairs: 1 - rng.exponential(1, (rows, pairs)),
        "skewed: gamma(4), tail on the worse side": lambda rng, rows, pairs: 4 - rng.gamma(4, 1, (rows, pairs)),
        "1 in 20 pairs 6 sd worse": bad_seeds,
    }
    if logs:

        def pairs_of_runs(rng: np.random.Generator, rows: int, pairs: int) -> Floats:
            champion, candidate, _ = logs.draw(rng, rows, pairs)
            return champion - candidate

        found["real logs, pairs of runs"] = pairs_of_runs
        found["real logs, one arm against a known mean"] = lambda rng, rows, pairs: -logs.draw(rng, rows, pairs)[0]
    return found


def corrected_effects(skewness: float, threshold: float) -> Floats:
    """Standardised means from which the skewness-corrected e-value of n = 2 … 40 pairs reaches the threshold."""
    needed: list[float] = []
    for n in range(2, CAP + 1):
        low, high = 0.0, 1e6
        if e_value_skewed(n, high, 1.0, skewness) < threshold:
            needed.append(math.inf)
            continue
        for _ in range(60):
            middle = 0.5 * (low + high)
            low, high = (low, middle) if e_value_skewed(n, middle, 1.0, skewness) >= threshold else (middle, high)
        needed.append(high)
    return np.array(needed)


def coverage(logs: Logs | None, rows: int) -> None:
    print(f"\n## Where differences are not Gaussian\n\nUp to {CAP} pairs, {rows:,} rows each; no effect.")
    print("Covered: the 95% confidence sequence holds the truth at all times at once. e: share whose e-value ever ")
    print(
        "reaches 20 (at most 5% promised) and 2,000 (0.05%). Noticed: share of campaigns of 30 tests of 6 pairs that "
    )
    print("find the tail; then a promotion must also stand corrected for the skewness that they found.\n")
    print("| differences | covered | e ≥ 20 | e ≥ 2,000 | noticed | e ≥ 20, corrected | e ≥ 2,000, corrected |")
    print("|---|---|---|---|---|---|---|")
    half_N = np.array([confidence_sequence(n, 0.0, 1.0)[1] or math.inf for n in range(1, CAP + 1)])
    for name, shape in shapes(logs).items():
        rng = np.random.default_rng(17)
        d_RN = shape(rng, rows, CAP)
        _, mean_RN, sd_RN = moments(d_RN)
        with np.errstate(invalid="ignore"):
            missed = (np.abs(mean_RN) > np.where(np.isinf(half_N), math.inf, half_N * sd_RN)).any(axis=1).mean()
        seen: list[float] = []
        for _ in range(100):
            pool = Pool()
            for test, differences in enumerate(shape(rng, 30, 6)):
                pool.add(test, [float(d) for d in differences])
            seen.append(pool.skewness)
        skewness = float(np.median([s for s in seen if s < 0] or [0.0]))
        rates: list[str] = []
        for bent in (0.0, skewness):
            for threshold in (20.0, 2_000.0):
                plain = np.array([critical_effect(n, threshold) for n in range(2, CAP + 1)])
                needed_N = corrected_effects(bent, threshold) if bent else plain
                rates.append(f"{100 * (mean_RN[:, 1:] >= needed_N * sd_RN[:, 1:]).any(axis=1).mean():.2f}%")
        noticed = np.mean([s < 0 for s in seen])
        last = rates[2:] if noticed > 0.5 else ["", ""]
        print(
            f"| {name} | {100 * (1 - missed):.1f}% | {rates[0]} | {rates[1]} | {100 * noticed:.0f}% | "
            f"{' | '.join(last)} |"
        )


# 4. Learning curves


def learning_curves(folder: Path) -> None:
    """Correlation of the loss at a part of training with the final one, inside groups of five or more runs."""
    runs: dict[tuple[str, str, str], list[tuple[float, float]]] = {}
    with gzip.open(folder / "val_curves.csv.gz", "rt", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            key = row["record_dir"], row["group"], row["run_id"]
            runs.setdefault(key, []).append((float(row["step"]), float(row["val_loss"])))
    print("\n## What the loss on the way says about the loss at the end\n\nReal logs, inside groups of five or more.\n")
    print("| part of training | correlation | groups |\n|---|---|---|")
    for part in (0.25, 0.5, 0.75, 0.9):
        groups: dict[tuple[str, str], list[tuple[float, float]]] = {}
        for (record, group, _), curve in runs.items():
            curve.sort()
            last_step, last_loss = curve[-1]
            step, loss = min(curve, key=lambda point: abs(point[0] - part * last_step))
            if abs(step - part * last_step) < 0.06 * last_step:
                groups.setdefault((record, group), []).append((loss, last_loss))
        kept = [np.array(pairs) for pairs in groups.values() if len(pairs) >= LEAST_RUNS]
        if kept:
            residuals = np.concatenate([(g - g.mean(axis=0)) / np.maximum(g.std(axis=0), 1e-12) for g in kept])
            print(f"| {part:.0%} | {np.corrcoef(residuals.T)[0, 1]:.2f} | {len(kept)} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="few repetitions, to see that everything runs")
    parser.add_argument("--svg", type=Path, help="draw the curve of power against the cost of a null")
    arguments = parser.parse_args()
    begun = time.perf_counter()
    print(f"# Evidence\n\n{datetime.now(UTC):%Y-%m-%d}, {platform.platform()}, {platform.machine()}, ", end="")
    print(", ".join(f"{name} {version(name)}" for name in ("numpy", "scipy")) + f", Python {platform.python_version()}")
    folder = Path(os.environ.get("ASSAY_SHARED", "../shared")) / "reference" / "speedrun_logs"
    logs = Logs(folder) if (folder / "runs.csv").is_file() else None
    if logs is None:
        print(f"\nNo real logs: {folder} does not exist (set ASSAY_SHARED). Gaussian noise only.")
    all_arms: list[Arms] = [Arms()] + ([logs] if logs else [])
    power_tables(all_arms, 1_000 if arguments.quick else 20_000, arguments.svg)
    campaigns(all_arms, 10 if arguments.quick else 400)
    coverage(logs, 2_000 if arguments.quick else 40_000)
    if logs:
        learning_curves(folder)
    if importlib.util.find_spec("scaling"):
        import scaling  # pyright: ignore[reportMissingImports]

        print("\n## Compute multipliers\n")
        for name, shares in scaling.coverage(0, 20 if arguments.quick else 200).items():
            print(f"- {name}: " + ", ".join(f"{what} {value:.3g}" for what, value in shares.items()))
    print(f"\nTook {time.perf_counter() - begun:.0f} s.")


if __name__ == "__main__":
    main()
