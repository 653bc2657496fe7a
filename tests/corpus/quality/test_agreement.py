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
    assert (found.lo, found.hi) == (pytest.approx(0.3798, abs=1e-4), pytest.approx(0.6366, abs=1e-4))


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
        assert found.kappa == pytest.approx(1 - np.mean((a - b) ** 2) / chance)
        assert found.lo is not None
        assert found.hi is not None
        assert -1 <= found.lo <= found.kappa + 1e-9 <= found.hi + 2e-9 <= 1 + 2e-9


def test_interval_covers() -> None:
    """Of many samples from one population, about 95% of the intervals hold the population's kappa."""
    random = np.random.default_rng(5)
    shares = np.array(SKIN).ravel() / 88
    truth = agreement(*pairs((np.array(SKIN) * 1000).tolist())).kappa
    assert truth is not None
    held = 0
    for _ in range(300):
        cells = random.choice(16, 200, p=shares)
        found = agreement((cells // 4).tolist(), (cells % 4).tolist())
        assert found.lo is not None
        assert found.hi is not None
        held += found.lo <= truth <= found.hi
    assert 0.91 * 300 <= held <= 0.99 * 300


def test_no_kappa_where_there_is_none() -> None:
    assert agreement([], []).n == 0
    assert agreement([3, 3], [3, 3]).kappa is None
    assert agreement([1], [2]).kappa is None
