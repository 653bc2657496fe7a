"""How well scaling laws and compute multipliers are measured: coverage of their intervals, and what fits cost.

    python benchmarks/scaling.py [--repetitions 400]

Recipes follow L = E + a·C^−b at scales four times apart; the new one has the base's law at `gain` times the compute, so
that its multiplier is known at every scale. Runs scatter about it by `noise` of the loss.
"""

import argparse
import math
import time
from dataclasses import dataclass

import numpy as np
from scipy import stats

from assay.evidence.scaling.curves import Curve
from assay.evidence.scaling.law import fit
from assay.evidence.scaling.runs import Runs
from assay.evidence.scaling.transfer import compare_curves


@dataclass(frozen=True)
class Setting:
    """One kind of table."""

    name: str
    scales: int
    repeats: int
    noise: float
    gain: float = 1.3
    fade: float = 1.0
    """Factor of the gain per tenfold compute."""


SETTINGS = (
    Setting("5 scales, single runs", 5, 1, 0.002),
    Setting("7 scales, single runs", 7, 1, 0.005),
    Setting("4 scales, 3 seeds", 4, 3, 0.005),
    Setting("4 scales, 6 seeds", 4, 6, 0.005),
    Setting("6 scales, 2 seeds", 6, 2, 0.003),
    Setting("6 scales, 3 seeds, no gain", 6, 3, 0.002, gain=1.0),
    Setting("6 scales, single runs, fading", 6, 1, 0.002, gain=1.8, fade=0.75),
)


def tables(setting: Setting, rng: np.random.Generator) -> tuple[Curve, Curve, np.ndarray]:
    """Base, new, and the new recipe's true multiplier at each scale."""
    flops = 1e18 * 4.0 ** np.arange(setting.scales)
    gains = setting.gain * setting.fade ** np.log10(flops / flops[0])
    made = []
    for times in (1.0, gains):
        law = 1.7 + 1.4 * (times * flops / 1e18) ** -0.16
        loss = law[:, None] * (1 + setting.noise * rng.standard_normal((setting.scales, setting.repeats)))
        made.append(Curve.of(np.repeat(flops, setting.repeats), loss.ravel()))
    return made[0], made[1], gains


def coverage(seed: int, repetitions: int, resamples: int = 300) -> dict[str, dict[str, float]]:
    """How often 95% intervals of the multiplier hold the truth, for each kind of table.

    Returns:
        For each: `per_scale` and `pooled` coverage, how often the pooled interval has both ends, and the verdicts'
        shares. An end that left the measured range counts as unbounded.
    """
    found: dict[str, dict[str, float]] = {}
    for setting in SETTINGS:
        rng = np.random.default_rng(seed)
        scale_hits = scale_count = hits = count = bounded = 0
        verdicts: dict[str, int] = {}
        for repetition in range(repetitions):
            base, new, gains = tables(setting, rng)
            result = compare_curves(base, new, seed=repetition, resamples=resamples)
            inside = [i for i, at in enumerate(result.per_scale) if at.value is not None]
            for i in inside:
                at = result.per_scale[i]
                scale_hits += (at.lo or 0.0) <= gains[i] <= (at.hi or math.inf)
            scale_count += len(inside)
            if result.pooled:
                mean = [i for i in inside if result.per_scale[i].pooled]
                truth = float(np.exp(np.log(gains[mean]).mean()))
                bounded += result.pooled.lo is not None and result.pooled.hi is not None
                hits += (result.pooled.lo or 0.0) <= truth <= (result.pooled.hi or math.inf)
                count += 1
            verdicts[result.transfer] = verdicts.get(result.transfer, 0) + 1
        low, high = stats.beta.ppf([0.025, 0.975], [hits, hits + 1], [count - hits + 1, count - hits + 1e-12])
        found[setting.name] = {
            "per_scale": scale_hits / scale_count, "pooled": hits / count, "pooled_low": float(low),
            "pooled_high": float(high), "bounded": bounded / count,
            **{name: times / repetitions for name, times in sorted(verdicts.items())},
        }  # fmt: skip
    return found


def law_coverage(seed: int, repetitions: int) -> float:
    """How often the 95% interval of the compute exponent holds the truth: 49 runs, 1% noise."""
    rng = np.random.default_rng(seed)
    params, tokens = (side.ravel() for side in np.meshgrid(np.geomspace(3e7, 3e9, 7), np.geomspace(5e8, 5e10, 7)))
    hits = 0
    for repetition in range(repetitions):
        loss = (1.4 + 120 * params**-0.28 + 5200 * tokens**-0.41) * np.exp(0.01 * rng.standard_normal(49))
        low, high = fit(Runs.of(params, tokens, loss), resamples=200, seed=repetition).interval("exponent")
        hits += low <= 0.41 / 0.69 <= high
    return hits / repetitions


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repetitions", type=int, default=400)
    repetitions = parser.parse_args().repetitions
    for name, shares in coverage(0, repetitions).items():
        rest = ", ".join(f"{key} {value:.0%}" for key, value in shares.items() if not key.startswith(("p", "pooled_")))
        print(
            f"{name:<32} per scale {shares['per_scale']:.1%}, pooled {shares['pooled']:.1%} "
            f"({shares['pooled_low']:.1%} to {shares['pooled_high']:.1%}); {rest}"
        )
    start = time.perf_counter()
    few = max(20, repetitions // 4)
    print(f"compute exponent: {law_coverage(0, few):.1%} of {few}; {(time.perf_counter() - start) / few:.2f} s a fit")


if __name__ == "__main__":
    main()
