"""The checks can fail: methods broken in the obvious ways turn them red.

Each check here is what the tests of its subject assert, as a function of the method. It passes for the method as it is
and must fail for each broken one. (Whole campaigns with broken rules: tests/campaign/test_error_control.py.)
"""

import math
from collections.abc import Callable

import numpy as np
import pytest
from scipy import special, stats

from assay.evaluation.ladder import Answer, ask
from assay.evidence import online, sequential
from tests.evidence.simulate import at_most, gaussian_RN, running_moments

EValue = Callable[[int, float, float], float]
Bit = Callable[[Answer], bool]
Level = Callable[[float, int, int], float]


# The e-process


def error_is_controlled(e_value: EValue) -> bool:
    """P(sup e ≥ 1/α) ≤ α over 20 looks, and E[e] ≤ 1 at the stop, for no effect at two sizes of noise."""
    for sd in (0.02, 30.0):
        d_RN = gaussian_RN(11, 3_000, 20, sd=sd)
        n_N, mean_RN, sd_RN = running_moments(d_RN)
        e_RN = np.array(
            [
                [e_value(int(n), float(m), float(s)) for n, m, s in zip(n_N, means, sds, strict=True)]
                for means, sds in zip(mean_RN, sd_RN, strict=True)
            ]
        )
        stopped_R = e_RN[np.arange(len(e_RN)), 4]
        if stopped_R.mean() > 1 + 4 * stopped_R.std() / math.sqrt(len(stopped_R)):
            return False
        for alpha in (0.05, 0.01):
            if not at_most(int((e_RN >= 1 / alpha).any(axis=1).sum()), len(e_RN), alpha, 0.999):
                return False
    return True


def two_sided(n: int, mean: float, sd: float) -> float:
    """Without the factor for the side: 2·T_n is left out, so that it is no longer the one-sided test's e-value."""
    if n < 2:
        return 1.0
    a, w = 1 + 3 * n, n * (mean / sd) ** 2 / (n - 1)
    return ((1 + w) / (1 + w / a)) ** (n / 2) / math.sqrt(a)


def known_deviation(n: int, mean: float, sd: float) -> float:
    """The mixture for a known σ, with s in its place."""
    if n < 2:
        return 1.0
    a, z = 1 + 3 * n, mean / sd * math.sqrt(n)
    shrunk = z * math.sqrt(3 * n / a)
    return 2 * math.exp(min(0.5 * shrunk**2, 700)) * float(special.ndtr(shrunk)) / math.sqrt(a)


def assumed_deviation(n: int, mean: float, sd: float) -> float:  # noqa: ARG001 the signature of `e_value`
    """The same with a σ from elsewhere, here 1, whatever the data are like."""
    a, z = 1 + 3 * n, mean * math.sqrt(n)
    shrunk = z * math.sqrt(3 * n / a)
    return 2 * math.exp(min(0.5 * shrunk**2, 700)) * float(special.ndtr(shrunk)) / math.sqrt(a)


def test_the_e_process_passes() -> None:
    assert error_is_controlled(sequential.e_value)


@pytest.mark.parametrize(
    "broken",
    [
        pytest.param(lambda n, mean, sd: 2 * sequential.e_value(n, mean, sd), id="doubled"),
        pytest.param(lambda n, mean, sd: 2 * two_sided(n, mean, sd), id="side-not-halved"),
        pytest.param(known_deviation, id="estimated-deviation-taken-as-known"),
        pytest.param(assumed_deviation, id="deviation-assumed"),
        pytest.param(
            lambda n, mean, sd: 1 / max(float(stats.t.sf(mean / sd * math.sqrt(n), n - 1)), 1e-12) if n > 1 else 1.0,
            id="one-over-p",
        ),
    ],
)
def test_broken_e_processes_fail(broken: EValue) -> None:
    assert not error_is_controlled(broken)


def test_dropping_the_side_turns_the_test_of_its_opposite_red() -> None:
    """Two-sided evidence calls harm a gain: effects below zero are promoted."""

    def harm_is_promoted(e_value: EValue) -> bool:
        _, mean_RN, sd_RN = running_moments(gaussian_RN(12, 300, 20, effect=-2.0))
        last = [e_value(20, float(m), float(s)) for m, s in zip(mean_RN[:, -1], sd_RN[:, -1], strict=True)]
        return not at_most(sum(e >= 20 for e in last), 300, 0.05)

    assert not harm_is_promoted(sequential.e_value)
    assert harm_is_promoted(two_sided)


# Futility cannot promote


def futility_only_stops(e_value: EValue, peek: bool) -> bool:
    """E[e·1{promoted}] ≤ 1 with a prior that is wrong; `peek` promotes on what futility knows instead."""
    d_RN = gaussian_RN(13, 4_000, 12)
    n_N, mean_RN, sd_RN = running_moments(d_RN)
    noise = sequential.Noise(0.3, 30)
    gained: list[float] = []
    for means, sds in zip(mean_RN, sd_RN, strict=True):
        value = 0.0
        for n, mean, sd in zip(n_N, means, sds, strict=True):
            ratio = sequential.likelihood_ratio(int(n), float(mean), float(sd), 1.0, noise)
            e = e_value(int(n), float(mean), float(sd))
            if (ratio if peek else e) >= 20:
                value = 20.0
                break
            if ratio < sequential.FUTILE_AT:
                break
        gained.append(value)
    found = np.array(gained)
    return bool(found.mean() <= 1 + 3 * found.std() / math.sqrt(len(found)))


def test_promoting_on_the_known_noise_turns_the_check_red() -> None:
    assert futility_only_stops(sequential.e_value, peek=False)
    assert not futility_only_stops(sequential.e_value, peek=True)


# The spending rule


def budget_is_kept(level: Level) -> bool:
    """Σα is at most the rate while nothing was promoted, and campaigns of nulls promote in at most 5%."""
    spent = math.fsum(level(0.05, number, 0) for number in range(1, 20_001))
    rng = np.random.default_rng(14)
    # The sharpest null: e is 1/α with probability α and else 0.
    erred = 0
    for _ in range(2_000):
        promotions = 0
        for number in range(1, 201):
            promotions += rng.random() < level(0.05, number, promotions)
        erred += promotions > 0
    return spent <= 0.05 * (1 + 1e-9) and at_most(erred, 2_000, 0.05, 0.999)


def test_the_spending_rule_passes() -> None:
    assert budget_is_kept(online.level)


@pytest.mark.parametrize(
    "broken",
    [
        pytest.param(lambda fdr, number, promotions: fdr, id="constant"),  # noqa: ARG005
        pytest.param(lambda fdr, number, promotions: online.level(fdr, 1, promotions), id="numbers-forgotten"),  # noqa: ARG005
        pytest.param(
            lambda fdr, number, promotions: online.level(fdr, 1 + (number - 1) % 20, promotions), id="reset-by-restart"
        ),
        pytest.param(lambda fdr, number, promotions: online.level(fdr, number, promotions + 1), id="credit-in-advance"),
        pytest.param(lambda fdr, number, promotions: fdr / number * (promotions + 1), id="shares-without-end"),
    ],
)
def test_broken_spending_rules_fail(broken: Level) -> None:
    assert not budget_is_kept(broken)


# The vault


def nothing_is_confirmed_by_luck(bit: Bit) -> bool:
    """Of 400 changes that do nothing, three seed pairs on 100 documents each, at most a quarter get a 1.

    A step of one standard error lets about 16% through.
    """
    rng = np.random.default_rng(11)
    confirmed = 0
    for _ in range(400):
        rows = rng.normal(0, 1, 100) + rng.normal(0, 0.3, (3, 1)) + rng.normal(0, 0.5, (3, 100))
        confirmed += bit(ask(rows.tolist(), [0.01] * 100))
    return confirmed <= 100


def clear_gains_are_confirmed(bit: Bit) -> bool:
    """Of 200 changes with a gain of four standard errors of the mean over documents, 95% get a 1."""
    rng = np.random.default_rng(12)
    rows = [rng.normal(0.4, 1, 100) + rng.normal(0, 0.1, (3, 100)) for _ in range(200)]
    return sum(bit(ask(each.tolist(), [0.01] * 100)) for each in rows) >= 190


def test_the_vault_passes() -> None:
    assert nothing_is_confirmed_by_luck(lambda answer: answer.bit)
    assert clear_gains_are_confirmed(lambda answer: answer.bit)


@pytest.mark.parametrize(
    "broken",
    [
        pytest.param(lambda answer: True, id="always-confirms"),  # noqa: ARG005 the signature of a bit
        pytest.param(lambda answer: answer.mean > 0, id="no-step"),
        pytest.param(lambda answer: answer.mean > -answer.step, id="step-taken-off"),
    ],
)
def test_a_vault_that_confirms_too_much_fails(broken: Bit) -> None:
    assert not nothing_is_confirmed_by_luck(broken)


@pytest.mark.parametrize(
    "broken",
    [
        pytest.param(lambda answer: False, id="never-confirms"),  # noqa: ARG005 the signature of a bit
        pytest.param(lambda answer: answer.mean < -answer.step, id="sign-turned"),
    ],
)
def test_a_vault_that_confirms_nothing_fails(broken: Bit) -> None:
    assert not clear_gains_are_confirmed(broken)
