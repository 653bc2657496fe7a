"""Designs: the fast simulation against the test's own functions one pair at a time, and what an optimum must do."""

import math

import numpy as np
import pytest

from assay.evidence.design import CAPS, Choice, Stage, best_design, designs
from assay.evidence.sequential import e_value, futile, moments


def one_by_one(effect: float, threshold: float, cap: int, bound: float, alternative: float) -> tuple[float, float]:
    """Power and mean pairs of one stage, by the functions that the loop calls, with the deviation known."""
    passed = used = 0
    rows = np.random.default_rng(5).standard_normal((600, cap)) + effect
    for row in rows:
        for n in range(1, cap + 1):
            values = [float(x) for x in row[:n]]
            count, mean, sd = moments(values)
            used += 1
            if e_value(count, mean, sd) >= threshold:
                passed += 1
                break
            ratio = math.exp(alternative * (sum(values) - n * alternative / 2))
            if ratio < bound or (n >= 2 and futile(count, mean, sd, threshold, cap)):
                break
    return passed / len(rows), used / len(rows)


@pytest.mark.parametrize(("effect", "bound"), [(1.0, 0.24), (2.0, 0.5), (0.0, 0.24)])
def test_power_and_pairs_are_those_of_the_loops_own_functions(effect: float, bound: float) -> None:
    power, used = one_by_one(effect, 450, 12, bound, max(1.0, effect))
    cap = 12
    # An effect that the confirmation cannot miss, so that the power is that of the first stage.
    found = designs(Stage(effect or 1.0, 1, cap), Stage(50.0, 0.0, cap), 450)
    chosen = next(c for c in found if (c.pairs, c.confirm_pairs, c.futile_at) == (cap, cap, bound))
    if effect:
        assert chosen.power == pytest.approx(power, abs=4.5 * math.sqrt(0.25 / 600))
    else:
        assert chosen.null_pairs == pytest.approx(used, abs=0.4)


def cost(choice: Choice, share: float, replicate: float) -> float:
    """Least that a discovery could cost by this design: its nulls alone."""
    return (1 - share) * choice.null_pairs * replicate / (share * choice.power)


def test_clear_effects_take_few_pairs_and_doubtful_ones_many() -> None:
    clear = best_design(Stage(6.0, 1, 40), Stage(6.0, 5, 40), 450)
    doubtful = best_design(Stage(1.0, 1, 40), Stage(1.0, 5, 40), 450)
    assert clear.pairs < doubtful.pairs
    assert clear.power > 0.95
    assert clear.cost < doubtful.cost


@pytest.mark.parametrize("effect", [0.7, 1.0, 2.0])
def test_the_best_is_the_best_of_all_and_no_cheaper_than_its_nulls(effect: float) -> None:
    stages = Stage(effect, 1, 20), Stage(effect, 5, 20)
    best, every = best_design(*stages, 450), designs(*stages, 450)
    most = max(each.power for each in every)
    assert best.power >= 0.9 * most
    assert all(each.cost >= best.cost for each in every if each.power >= 0.9 * most)
    assert best.cost >= cost(best, 0.1, 1)


def test_rare_effects_cost_more_and_dear_confirmations_do_too() -> None:
    stages = Stage(1.5, 1, 20), Stage(1.5, 5, 20)
    dear = Stage(1.5, 1, 20), Stage(1.5, 50, 20)
    assert best_design(*stages, 450, share=0.02).cost > best_design(*stages, 450, share=0.2).cost
    assert best_design(*dear, 450).cost > best_design(*stages, 450).cost


def test_what_no_cap_can_reach_finds_nothing() -> None:
    best = best_design(Stage(1.0, 1, 3), Stage(1.0, 5, 3), 1e9)
    assert math.isinf(best.cost)
    assert best.power == 0


def test_caps_end_with_the_largest_allowed() -> None:
    found = designs(Stage(2.0, 1, 10), Stage(2.0, 1, 5), 100)
    assert {c.pairs for c in found} == {3, 4, 6, 8, 10}
    assert {c.confirm_pairs for c in found} == {3, 4, 5}
    assert max(CAPS) == 200
