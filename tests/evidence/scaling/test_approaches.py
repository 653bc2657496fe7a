"""IsoFLOP parabolas, loss–compute frontiers and proxy reliability, against known answers and scipy."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from assay.evidence.scaling.frontier import envelope, frontier
from assay.evidence.scaling.isoflop import budgets, isoflop
from assay.evidence.scaling.law import best_sizes
from assay.evidence.scaling.proxy import proxy, ranks, read_losses
from assay.evidence.scaling.runs import Runs
from assay.spec.errors import UserError

from .planted import LAW, REFERENCE, loss

BUDGETS = 1e18 * 10.0 ** np.arange(4)


def profiles(width: float = 1.0, shift: float = 0.0, noise: float = 0.0, seed: int = 0) -> Runs:
    """Nine sizes at each budget, around the best one in log params."""
    best = best_sizes(np.array([LAW]), BUDGETS)[0][0]
    params = np.exp(np.log(best)[:, None] + shift + width * np.linspace(-1, 1, 9)).ravel()
    compute = np.repeat(BUDGETS, 9)
    tokens = compute / 6 / params
    scatter = noise * np.random.default_rng(seed).standard_normal(len(params))
    return Runs.of(params, tokens, loss(params, tokens) * np.exp(scatter))


def test_best_sizes_and_exponent_of_a_known_law() -> None:
    found = isoflop(profiles(width=0.7))
    best = best_sizes(np.array([LAW]), BUDGETS)[0][0]
    assert [budget.params for budget in found.budgets] == pytest.approx(best, rel=0.05)
    assert [budget.tokens for budget in found.budgets] == pytest.approx(BUDGETS / 6 / best, rel=0.05)
    assert found.exponent == pytest.approx(LAW[4] / (LAW[3] + LAW[4]), abs=0.01)


def test_intervals_hold_the_truth() -> None:
    hits = 0
    for seed in range(60):
        found = isoflop(profiles(width=1.5, noise=0.002, seed=seed))
        assert found.lo is not None
        assert found.hi is not None
        hits += found.lo <= LAW[4] / (LAW[3] + LAW[4]) <= found.hi
    assert hits >= 53


def test_minima_that_are_not_bracketed_are_said() -> None:
    found = isoflop(profiles(width=1.0, shift=2.0))
    assert all(budget.params is None for budget in found.budgets)
    assert all("smallest" in budget.note for budget in found.budgets)
    assert found.exponent is None


def test_budgets_are_neighbours_in_compute() -> None:
    groups = budgets(np.array([1.0, 1.1, 5.0, 1.05, 5.2, 30.0]))
    assert [sorted(group.tolist()) for group in groups] == [[0, 1, 3], [2, 4], [5]]
    chain = 1.1 ** np.arange(40)
    assert all(np.ptp(np.log(chain[group])) < np.log(1.31) for group in budgets(chain))


def test_runs_of_one_size_have_no_parabola() -> None:
    rows = profiles()
    spread = Runs.of(rows.params, rows.tokens * 2.0 ** np.arange(len(rows.params)), rows.loss / np.arange(1, 37))
    with pytest.raises(UserError, match="sizes or more"):
        isoflop(spread)


def test_the_frontier_of_a_known_curve() -> None:
    flops = np.geomspace(1e18, 1e22, 24)
    best = 1.7 + 0.9 * (flops / 1e20) ** -0.17
    rng = np.random.default_rng(0)
    worse = np.repeat(best, 4) * (1 + 0.3 * rng.random(96))
    order = rng.permutation(120)
    found = frontier(np.append(flops, np.repeat(flops, 4))[order], np.append(best, worse)[order])
    assert found.losses == pytest.approx(1.7 + 0.9 * (found.flops / 1e20) ** -0.17, rel=1e-9)
    assert (found.E, found.b) == pytest.approx((1.7, 0.17), rel=0.01)
    assert found.untold is None


@given(st.lists(st.tuples(st.floats(1, 1e6), st.floats(0.1, 10)), min_size=1, max_size=40))
def test_nothing_beats_the_envelope_with_as_little_compute(points: list[tuple[float, float]]) -> None:
    flops, losses = np.array(points).T
    for i in envelope(flops, losses):
        assert not np.any((flops <= flops[i]) & (losses < losses[i]))


def test_too_few_points_for_a_frontier() -> None:
    with pytest.raises(UserError, match="at least 5"):
        frontier(np.array([1e18, 1e19, 1e20]), np.array([3.0, 2.5, 2.2]))


@settings(deadline=None, max_examples=10)
@given(st.integers(0, 1000), st.booleans())
def test_rank_numbers_are_scipy_s(seed: int, ties: bool) -> None:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=12)
    y = x + rng.normal(size=12)
    if ties:
        x, y = x.round(), y.round(1)
    names = [f"r{i}" for i in range(12)]
    found = proxy({n: [v] for n, v in zip(names, x, strict=True)}, {n: [v] for n, v in zip(names, y, strict=True)})
    assert found.spearman.value == pytest.approx(stats.spearmanr(x, y).statistic)
    assert found.kendall.value == pytest.approx(stats.kendalltau(x, y).statistic)
    assert ranks(x) == pytest.approx(stats.rankdata(x))
    alike = [0.5 + 0.5 * np.sign(x[i] - x[j]) * np.sign(y[i] - y[j]) for i in range(12) for j in range(i)]
    assert found.decision_accuracy.value == pytest.approx(np.mean(alike))


def test_seeds_give_a_noise_ceiling_and_pairs_beyond_noise() -> None:
    rng = np.random.default_rng(0)
    truth = rng.normal(3, 0.1, 30)
    small, large = ({f"r{i}": list(value + rng.normal(0, 0.05, 3)) for i, value in enumerate(truth)} for _ in range(2))
    found = proxy(small, large)
    assert found.noise_ceiling is not None
    assert found.noise_ceiling == pytest.approx(1 / (1 + 0.05**2 / 3 / 0.1**2), abs=0.05)
    assert found.decision_accuracy_beyond_noise is not None
    assert found.decision_accuracy_beyond_noise > found.decision_accuracy.value
    assert found.regret["top_1"] >= found.regret["top_5"] >= 0


@pytest.mark.skipif(not (REFERENCE / "regmix").is_dir(), reason="the shared reference data is not here")
def test_regmix_s_small_runs_rank_mixtures_as_the_large_ones_do() -> None:
    column = "metric/the_pile_pile_cc_val_loss"
    small, large = (
        read_losses(REFERENCE / "regmix" / f"test_pile_loss_{size}.csv", "index", column) for size in ("1m", "60m")
    )
    found = proxy(small, large)
    assert found.recipes == 256
    keys = sorted(small)
    assert found.spearman.value == pytest.approx(
        stats.spearmanr([small[k][0] for k in keys], [large[k][0] for k in keys]).statistic
    )
    assert found.spearman.lo < found.spearman.value < found.spearman.hi
    assert found.regret["top_1"] == 0.0


def test_bad_proxies_are_refused() -> None:
    small = {f"r{i}": [float(i)] for i in range(6)}
    with pytest.raises(UserError, match="at least 4"):
        proxy(small, {"other": [1.0]})
    with pytest.raises(UserError, match="constant"):
        proxy(small, {key: [2.0] for key in small})
    with pytest.raises(UserError, match="copy"):
        proxy(small, small)
