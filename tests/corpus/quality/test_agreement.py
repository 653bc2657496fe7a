"""Weighted kappa against a published table and against its definition."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.corpus.quality.agreement import agreement

# Two dermatologists on 88 patients, from "terrible" to "clear": the example of SAS's PROC FREQ (SAS/STAT user's guide,
# "Cohen's kappa coefficient"), which prints weighted kappa 0.5082 with error 0.0655 and interval 0.3798 to 0.6366.
SKIN = [[10, 4, 1, 0], [5, 10, 12, 2], [2, 4, 12, 5], [0, 2, 6, 13]]


def pairs(table: list[list[int]]) -> tuple[list[int], list[int]]:
    both = [(i, j) for i, row in enumerate(table) for j, n in enumerate(row) for _ in range(n)]
    return [i for i, _ in both], [j for _, j in both]


def test_published_kappa_and_interval() -> None:
    found = agreement(*pairs(SKIN), power=1)
    assert (found.n, found.exact) == (88, pytest.approx(45 / 88))
    assert found.kappa == pytest.approx(0.5082, abs=5e-5)
    # The large-sample interval is that of large samples.
    many = agreement(*pairs((np.array(SKIN) * 100).tolist()), power=1)
    assert (many.lo, many.hi) == (pytest.approx(0.5082 - 1.96 * 0.00655, abs=3e-4), pytest.approx(0.5210, abs=3e-4))


grades = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=2, max_size=40)


@settings(max_examples=80)
@given(grades)
def test_quadratic_kappa_by_its_definition(both: list[tuple[int, int]]) -> None:
    """One less the mean squared difference over that of grades dealt out at random."""
    a, b = np.array(both).T
    found = agreement(a.tolist(), b.tolist())
    chance = np.mean((a[:, None] - b[None, :]) ** 2)
    if chance == 0:
        assert found.kappa is None
    else:
        assert found.kappa is not None
        assert found.kappa == pytest.approx(1 - np.mean((a - b) ** 2) / chance)
        assert found.lo is not None
        assert found.hi is not None
        assert -1 <= found.lo <= found.kappa + 1e-9 <= found.hi + 2e-9 <= 1 + 2e-9


@pytest.mark.parametrize("n", [5, 10, 20, 200])
@pytest.mark.parametrize("errors", [0.05, 0.6])
def test_interval_covers(n: int, errors: float) -> None:
    """Of many samples from one population, about 95% of the intervals hold the population's kappa, or more."""
    random = np.random.default_rng(5)
    shares = np.eye(4) * (1 - errors) / 4 + errors / 16
    truth = 1 - errors  # quadratic kappa, where graders err evenly: disagreement is that share of what chance gives
    held = told = 0
    for cells in random.choice(16, (300, n), p=shares.ravel()):
        found = agreement((cells // 4).tolist(), (cells % 4).tolist())
        if found.lo is not None and found.hi is not None:
            told += 1
            held += found.lo - 1e-9 <= truth <= found.hi + 1e-9
    assert told > 250
    assert held >= 0.91 * told


def test_a_few_grades_alike_prove_little_and_many_much() -> None:
    """Of n that all agree, Clopper and Pearson's 95% bound on the share that do not is 1 - 0.025^(1/n)."""
    lows: list[float] = []
    for n in (3, 12, 48):
        both = [number % 6 for number in range(n)]
        found = agreement(both, both)
        assert found.kappa == pytest.approx(1)
        assert found.hi == pytest.approx(1)
        assert found.lo is not None
        assert found.lo < 0.025 ** (1 / n)
        lows.append(found.lo)
    assert lows[0] < 0 < 0.4 < lows[1] < 0.8 < lows[2] < 0.95


def test_no_kappa_where_there_is_none() -> None:
    assert agreement([], []).n == 0
    assert agreement([3, 3], [3, 3]).kappa is None
    assert agreement([1], [2]).kappa is None
