"""The compute multiplier, against loss laws for which the answer is known."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.evidence.multiplier import CurvePoint, multipliers, preliminary

LADDER = (1e11, 4e11, 16e11, 64e11)


def power_law(flops: float, exponent: float = 0.1, floor: float = 0.0) -> float:
    return floor + 3.0 * (flops / 1e11) ** -exponent


def points(loss: dict[str, float], flops: tuple[float, ...] = LADDER, spread: float = 0.0) -> list[CurvePoint]:
    """Two seeds a scale, symmetric about the given loss."""
    return [
        CurvePoint(scale=scale, flops=c, scores=(value - spread, value + spread), seeds=(1, 2))
        for (scale, value), c in zip(loss.items(), flops, strict=True)
    ]


def curve(flops: tuple[float, ...] = LADDER, times: float = 1.0, floor: float = 0.0) -> list[CurvePoint]:
    return points({str(i): power_law(times * c, floor=floor) for i, c in enumerate(flops)}, flops)


@pytest.mark.parametrize("times", [1.0, 1.1, 1.3, 2.0, 3.9])
def test_a_power_law_with_more_compute_has_exactly_that_multiplier(times: float) -> None:
    found, pooled = multipliers(curve(), curve(times=times), seed=0)
    assert [m.scale for m in found] == ["0", "1", "2", "3"]
    for multiplier in found[:3]:
        assert multiplier.value == pytest.approx(times)
        assert (multiplier.low, multiplier.high) == pytest.approx((times, times)) or times == 1.0
    assert pooled is not None
    assert pooled.value == pytest.approx(times)
    assert not preliminary(found)
    if times > 1:
        assert found[3].value is None
        assert found[3].note == "beyond range"


@given(st.floats(1.05, 3.5), st.floats(0.05, 0.4), st.floats(0.0, 2.0))
def test_a_curved_law_is_read_to_within_three_per_cent(times: float, exponent: float, floor: float) -> None:
    """An irreducible loss bends the curve between the scales, which lie four times apart."""
    losses = {str(i): power_law(c, exponent, floor) for i, c in enumerate(LADDER)}
    better = {str(i): power_law(times * c, exponent, floor) for i, c in enumerate(LADDER)}
    found, _ = multipliers(points(losses), points(better), seed=0, resamples=2)
    for multiplier in found[:3]:
        assert multiplier.value == pytest.approx(times, rel=0.03)


def test_nothing_is_read_off_outside_the_measured_range() -> None:
    worse = points({"0": power_law(0.5e11)}, LADDER[:1])
    found, pooled = multipliers(curve(), worse, seed=0)
    assert found[0].value is None
    assert found[0].note == "beyond range"
    assert pooled is None


def test_two_scales_in_range_are_preliminary() -> None:
    found, pooled = multipliers(curve(LADDER[:3]), curve(LADDER[:3], times=1.5), seed=0)
    assert preliminary(found)
    assert pooled is not None
    assert pooled.value == pytest.approx(1.5)
    assert "preliminary" in pooled.note


def test_a_curve_that_rises_is_pooled_and_says_so() -> None:
    old = points({"0": 3.0, "1": 2.5, "2": 2.6, "3": 2.0})
    # The middle two become one point: loss 2.55 at the geometric mean of their compute.
    new = [CurvePoint(scale="1", flops=LADDER[1], scores=(2.55 - 1e-3, 2.55 + 1e-3), seeds=(1, 2))]
    found, _ = multipliers(old, new, seed=0)
    assert found[0].value == pytest.approx(2.0, rel=0.01)
    assert "pooled" in found[0].note


@pytest.mark.parametrize("losses", [{"0": 3.0}, {"0": 2.0, "1": 2.5}])
def test_no_curve_no_multiplier(losses: dict[str, float]) -> None:
    old = points(losses, LADDER[: len(losses)])
    found, pooled = multipliers(old, curve(), seed=0)
    assert all(multiplier.value is None and multiplier.note.startswith("no curve") for multiplier in found)
    assert pooled is None


def test_a_single_seed_has_no_interval() -> None:
    old = [CurvePoint(scale=p.scale, flops=p.flops, scores=p.scores[:1], seeds=(1,)) for p in curve()]
    found, pooled = multipliers(old, curve(times=1.3), seed=0)
    assert pooled is not None
    assert found[0].value == pytest.approx(1.3)
    assert (found[0].low, found[0].high, pooled.low, pooled.high) == (None, None, None, None)
    assert "single seed" in found[0].note


def noisy(rng: np.random.Generator, times: float, shared: list[np.ndarray], own: float) -> list[CurvePoint]:
    return [
        CurvePoint(
            scale=str(i),
            flops=c,
            scores=tuple(power_law(times * c, 0.2, 1.0) + shared[i] + rng.normal(0, own, len(shared[i]))),
            seeds=tuple(range(len(shared[i]))),
        )
        for i, c in enumerate(LADDER)
    ]


def test_the_same_seed_gives_the_same_interval_and_order_of_seeds_does_not_matter() -> None:
    rng = np.random.default_rng(0)
    shared = [rng.normal(0, 0.01, 5) for _ in LADDER]
    old, new = noisy(rng, 1.0, shared, 0.005), noisy(rng, 1.3, shared, 0.005)
    turned = [
        CurvePoint(scale=p.scale, flops=p.flops, scores=p.scores[::-1], seeds=p.seeds[::-1]) for p in reversed(old)
    ]
    first, second = multipliers(old, new, seed=7), multipliers(turned, new, seed=7)
    for a, b in zip([*first[0], first[1]], [*second[0], second[1]], strict=True):
        assert a is not None
        assert b is not None
        for left, right in ((a.value, b.value), (a.low, b.low), (a.high, b.high)):
            assert left == (None if right is None else pytest.approx(right, rel=1e-9))


def test_noise_that_both_recipes_share_cancels() -> None:
    rng = np.random.default_rng(1)
    shared = [rng.normal(0, 0.02, 6) for _ in LADDER]
    old = noisy(rng, 1.0, shared, 1e-4)
    paired, _ = multipliers(old, noisy(rng, 1.3, shared, 1e-4), seed=0)
    strangers = [
        CurvePoint(scale=p.scale, flops=p.flops, scores=p.scores, seeds=tuple(s + 100 for s in p.seeds))
        for p in noisy(rng, 1.3, shared, 1e-4)
    ]
    unpaired, _ = multipliers(old, strangers, seed=0)
    assert paired[0].low is not None
    assert paired[0].high is not None
    assert unpaired[0].high is not None
    width = math.log(paired[0].high / paired[0].low)
    assert math.log(unpaired[0].high / (unpaired[0].low or 1.0)) > 2 * width


def coverage(seeds: tuple[int, ...], repetitions: int) -> list[float]:
    """How often the 95% intervals at the first three scales, and the pooled one, contain the true 1.3."""
    rng = np.random.default_rng(2)
    hits = [0, 0, 0, 0]
    for repetition in range(repetitions):
        shared = [rng.normal(0, 0.01, n) for n in seeds]
        found, pooled = multipliers(
            noisy(rng, 1.0, shared, 0.005), noisy(rng, 1.3, shared, 0.005), seed=repetition, resamples=200
        )
        assert pooled is not None
        for index, multiplier in enumerate([*found[:3], pooled]):
            low = multiplier.low if multiplier.low is not None else 0.0
            high = multiplier.high if multiplier.high is not None else math.inf
            hits[index] += multiplier.value is None or low <= 1.3 <= high
    return [hit / repetitions for hit in hits]


def test_intervals_cover_the_truth() -> None:
    assert min(coverage((3, 3, 3, 3), 50)) >= 0.86


@pytest.mark.slow
@pytest.mark.parametrize("seeds", [(3, 3, 3, 3), (8, 8, 2, 2), (2, 2, 2, 2)])
def test_intervals_cover_the_truth_as_often_as_they_say(seeds: tuple[int, ...]) -> None:
    assert min(coverage(seeds, 400)) >= 0.93


@pytest.mark.slow
def test_the_same_check_catches_a_bootstrap_without_correction_for_few_seeds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("assay.evidence.multiplier._stretch", lambda _n: 1.0)
    assert min(coverage((3, 3, 3, 3), 400)) < 0.85
