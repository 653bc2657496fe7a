"""Parts of a variance: published or closed-form values, planted parts that are found again, and coverage."""

import math

import numpy as np
import pytest
from scipy import stats

from assay.evidence.variance import (
    Interval,
    correlation_interval,
    crossed,
    deviation_interval,
    deviation_ratio,
    evaluation_deviation,
    mean_interval,
    signal_ratio,
    total_of,
)
from assay.spec.errors import UserError


def cells(levels: int, each: int = 3) -> list[tuple[int, int]]:
    """The design of a calibration: every initialisation with some of the data orders."""
    return [(i, i + k) for i in range(levels) for k in range(each)]


def planted(
    rng: np.random.Generator, design: list[tuple[int, int]], parts: tuple[float, float, float], repeats: int = 1,
    nondeterminism: float = 0.0,
) -> tuple[list[int], list[int], list[float]]:  # fmt: skip
    a, b = rng.normal(0, parts[0], 50), rng.normal(0, parts[1], 50)
    rows = [
        (i, j, 3 + a[i] + b[j] + both + rng.normal(0, nondeterminism))
        for i, j in design
        for both in [rng.normal(0, parts[2])]
        for _ in range(repeats)
    ]
    return [i for i, _, _ in rows], [j for _, j, _ in rows], [value for *_, value in rows]


def inside(interval: Interval, truth: float) -> bool:
    return (interval.low or 0.0) <= truth + 1e-3 and (interval.high is None or truth <= interval.high)


def coverage(parts: tuple[float, float, float], times: int, levels: int = 8, level: float = 0.05) -> list[float]:
    """Share of simulated tables whose interval holds each planted part, and the total."""
    rng, design = np.random.default_rng(7), cells(levels)
    truths = (*parts, math.hypot(*parts))
    hits = np.zeros(4)
    for _ in range(times):
        found = crossed(*planted(rng, design, parts), level)
        hits += [inside(each, truth) for each, truth in zip(
            (found.init, found.data, found.interaction, found.total), truths, strict=True)]  # fmt: skip
    return (hits / times).tolist()


@pytest.mark.slow
@pytest.mark.parametrize("parts", [(1.0, 1.0, 1.0), (1.0, 0.3, 0.5), (0.0, 1.0, 1.0)])
def test_intervals_cover_planted_parts(parts: tuple[float, float, float]) -> None:
    assert min(coverage(parts, 150)) > 0.88  # 0.90 and more, seen with an error of 0.02


@pytest.mark.slow
def test_too_short_intervals_would_be_noticed() -> None:
    assert min(coverage((1.0, 1.0, 1.0), 60, level=0.4)) < 0.8


def test_a_complete_table_gives_the_textbook_estimates() -> None:
    """Balanced, one value a cell: REML is the analysis of variance (Searle et al. 1992, section 6.7)."""
    rng = np.random.default_rng(3)
    a, b = 6, 5
    y = rng.normal(0, 2, (a, 1)) + rng.normal(0, 1, (1, b)) + rng.normal(0, 0.5, (a, b))
    residual = y - y.mean(1, keepdims=True) - y.mean(0, keepdims=True) + y.mean()
    error = (residual**2).sum() / ((a - 1) * (b - 1))
    rows, columns = b * y.mean(1).var(ddof=1), a * y.mean(0).var(ddof=1)
    found = crossed(
        [i for i in range(a) for _ in range(b)], [j for _ in range(a) for j in range(b)], y.ravel().tolist()
    )
    assert found.init.value**2 == pytest.approx((rows - error) / b, rel=1e-3)
    assert found.data.value**2 == pytest.approx((columns - error) / a, rel=1e-3)
    assert found.interaction.value**2 == pytest.approx(error, rel=1e-3)


def test_repeats_are_told_from_what_both_seeds_do_together() -> None:
    rng = np.random.default_rng(2)
    found = crossed(*planted(rng, cells(9), (1.0, 0.6, 0.8), repeats=2, nondeterminism=0.2))
    assert found.repeat is not None
    assert found.repeats == 27
    assert inside(found.repeat, 0.2)
    assert found.repeat.value == pytest.approx(0.2, rel=0.25)
    assert inside(found.interaction, 0.8)
    assert found.interaction.value == pytest.approx(0.8, rel=0.4)


def test_identical_repeats_are_no_noise_and_change_nothing_else() -> None:
    rng = np.random.default_rng(6)
    init, data, values = planted(rng, cells(6), (1.0, 1.0, 0.5))
    once = crossed(init, data, values)
    assert once.repeat is None
    twice = crossed([*init, init[0], init[3]], [*data, data[0], data[3]], [*values, values[0], values[3]])
    assert twice.repeat == Interval(0.0, 0.0, None)
    assert twice.repeats == 2
    assert twice[:3] == once[:3]
    assert twice == crossed([*init, init[0], init[3]], [*data, data[0], data[3]], [*values, values[0], values[3]])


def test_units_and_places_do_not_matter() -> None:
    init, data, values = planted(np.random.default_rng(8), cells(6), (1.0, 1.0, 0.5))
    one, other = crossed(init, data, values), crossed(init, data, [1e-3 * v - 7 for v in values])
    for a, b in zip((one.init, one.data, one.total), (other.init, other.data, other.total), strict=True):
        assert b.value == pytest.approx(1e-3 * a.value, rel=0.02)


@pytest.mark.parametrize(
    ("init", "data", "message"),
    [
        ([0, 1, 2, 3], [0, 1, 2, 3], "not varied apart"),
        ([0, 0, 0, 0], [0, 1, 2, 3], "not varied apart"),
        ([0, 1, 2, 3], [5, 5, 5, 5], "not varied apart"),
    ],
)
def test_what_cannot_be_split_is_refused(init: list[int], data: list[int], message: str) -> None:
    with pytest.raises(UserError, match=message):
        crossed(init, data, [1.0, 2.0, 1.5, 1.1])


def test_constant_values_are_refused() -> None:
    with pytest.raises(UserError, match="do not vary"):
        crossed([0, 0, 1, 1], [0, 1, 0, 1], [2.0, 2.0, 2.0, 2.0])


def test_interval_of_a_deviation_is_chi_squared() -> None:
    found = deviation_interval(2.0, 7)
    low, high = (2 * math.sqrt(7 / stats.chi2.ppf(p, 7)) for p in (0.975, 0.025))
    assert (found.low, found.high) == pytest.approx((low, high))


def test_ratio_of_deviations_is_the_bound_at_which_morgans_test_turns() -> None:
    """At the ends x/ratio and y have sums and differences whose correlation is just significant (Morgan 1939)."""
    rng = np.random.default_rng(2)
    y = rng.normal(size=12)
    x = 0.8 * y + 0.3 * rng.normal(size=12)
    found = deviation_ratio([x.tolist()], [y.tolist()])
    assert found is not None
    assert found.value == pytest.approx(x.std() / y.std())
    for end in (found.low, found.high):
        assert end is not None
        scaled = x / end
        assert stats.pearsonr(scaled + y, scaled - y).pvalue == pytest.approx(0.05, abs=1e-6)


def test_ratio_of_deviations_covers() -> None:
    rng, hits, unpaired = np.random.default_rng(4), 0, 0
    for _ in range(400):
        shared = rng.normal(size=(2, 6))
        old = shared + 0.5 * rng.normal(size=(2, 6))
        new = 0.7 * (shared + 0.5 * rng.normal(size=(2, 6))) + 5
        found = deviation_ratio(new.tolist(), old.tolist())
        assert found is not None
        hits += inside(found, 0.7)
        wrong = deviation_ratio(new.tolist(), rng.permuted(old, axis=1).tolist(), level=0.5)
        assert wrong is not None
        unpaired += inside(wrong, 0.7)
    assert 0.92 < hits / 400 < 0.98
    assert unpaired / 400 < 0.9  # a method that is off is seen


def test_planted_correlation_is_covered() -> None:
    rng, hits = np.random.default_rng(9), 0
    for _ in range(400):
        x, y = rng.multivariate_normal([0, 0], [[1, 0.8], [0.8, 1]], 8).T
        found = correlation_interval(x.tolist(), y.tolist())
        assert found is not None
        hits += found.low is not None and found.high is not None and found.low <= 0.8 <= found.high
    assert 0.92 < hits / 400 < 0.98
    assert correlation_interval([1.0, 1.0], [1.0, 2.0]) is None


def test_sum_of_variances_recovers_its_interval() -> None:
    """Zou & Donner 2008, equation 3, by hand."""
    found = total_of([Interval(4.0, 2.0, 9.0), Interval(1.0, 0.5, 3.0)])
    assert found == pytest.approx((5.0, 5 - math.sqrt(4 + 0.25), 5 + math.sqrt(25 + 4)))
    assert total_of([Interval(4.0, 2.0, None), Interval(1.0, 0.5, 3.0)]).high is None


def test_evaluation_finds_what_documents_add_and_not_what_all_runs_share() -> None:
    """Runs that differ by planted noise on each document: the deviation is that of the mean over documents."""
    rng = np.random.default_rng(10)
    runs, documents, spans = 40, 60, 3
    sizes = np.full(documents * spans, 100.0)
    document = np.repeat(np.arange(documents), spans)
    difficulty = rng.normal(0, 50, documents)[document]  # shared by all runs
    own = rng.normal(0, 0.5, (runs, documents))[:, document]
    overall = rng.normal(0, 2.0, (runs, 1))
    nats = (difficulty + own + overall) / len(sizes)
    found = evaluation_deviation(nats, sizes, np.zeros(len(sizes), dtype=np.int64), document)
    assert found is not None
    assert found.value == pytest.approx(0.5 / math.sqrt(documents), rel=0.1)
    assert inside(found, 0.5 / math.sqrt(documents))
    assert evaluation_deviation(nats, sizes, np.zeros(len(sizes), dtype=np.int64), np.zeros_like(document)) is None


def test_mean_has_students_interval() -> None:
    values = [1.0, 2.0, 4.0, 4.5]
    found = mean_interval(values)
    low, high = stats.t.interval(0.95, 3, loc=np.mean(values), scale=stats.sem(values))
    assert found == pytest.approx((np.mean(values), low, high))


def test_signal_is_what_saves_pairs() -> None:
    rng = np.random.default_rng(11)
    hits = 0
    for _ in range(200):
        old = [(3 + rng.normal(size=10)).tolist() for _ in range(2)]
        new = [(3 + 0.5 * rng.normal(size=10)).tolist() for _ in range(2)]
        found = signal_ratio(new, old)
        assert found is not None
        hits += inside(found, 2.0)
    assert hits / 200 > 0.88
    assert signal_ratio([[0.1, -0.1, 0.2, -0.2]], [[1.0, 1.1, 1.2, 1.3]]) is None  # no effect with the remedy
