"""Online reweighting: slopes against a least-squares fit by NumPy, and the weights that follow."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.corpus.reweighting import KEPT, RECENT, Reweighting

NAMES = ("fast", "slow")


def run(losses: dict[str, list[float]], rows: np.ndarray, strength: float = 1.0) -> Reweighting:
    """Observe losses after steps of 10 sequences."""
    made = Reweighting(strength, NAMES, 10 * len(rows))
    for step, drawn in enumerate(rows):
        made.observe({name: losses[name][step] for name in NAMES}, drawn, 10 * (step + 1))
    return made


@given(st.integers(0, 1000), st.integers(5, 60))
def test_speeds_are_the_slopes_of_a_weighted_fit(seed: int, steps: int) -> None:
    rng = np.random.default_rng(seed)
    read = 10.0 * np.arange(1, steps + 1)
    fast = rng.integers(1, 10, steps)
    rows = np.stack([fast, 10 - fast], axis=1)
    losses = {"fast": 5 - 0.6 * np.log(read) + rng.normal(0, 0.05, steps), "slow": rng.normal(2, 0.05, steps)}
    found = run({name: values.tolist() for name, values in losses.items()}, rows).speeds()
    for number, name in enumerate(NAMES):
        weights = np.sqrt(rows[:, number] * (read / read[-1]) ** RECENT)  # polyfit squares them
        slope = np.polyfit(np.log(read), losses[name], 1, w=weights)[0]
        assert found[number] == pytest.approx(max(-slope, 0.0), abs=1e-6)


def test_what_follows_a_power_law_has_its_learning_speed() -> None:
    """ADO's speed of ε + β n^-α, but for the common 1/n, is α (L − ε) (Jiang et al. 2024): here of recent n."""
    read = 10.0 * np.arange(1, 2001)
    losses = {"fast": (1 + 3 * read**-0.3).tolist(), "slow": (1.5 + 1 * read**-0.1).tolist()}
    found = run(losses, np.full((2000, 2), 5)).speeds()
    recent = read[1000:]
    for number, (alpha, excess) in enumerate(((0.3, 3 * recent**-0.3), (0.1, recent**-0.1))):
        assert (alpha * excess).min() < found[number] < (alpha * excess).max()


def test_weights_follow_speed_within_the_mixture() -> None:
    read = 10.0 * np.arange(1, 101)
    losses = {"fast": (5 - 0.4 * np.log(read)).tolist(), "slow": (5 - 0.1 * np.log(read)).tolist()}
    rows = np.full((100, 2), 5)
    mixture = np.array([0.25, 0.75])
    wanted = np.array([0.25 * 4, 0.75 * 1]) / 1.75
    assert run(losses, rows).weights(mixture) == pytest.approx(KEPT * mixture + (1 - KEPT) * wanted)
    assert run(losses, rows, strength=1000.0).weights(mixture) == pytest.approx(KEPT * mixture + [1 - KEPT, 0.0])
    assert run(losses, rows).weights(np.array([0.0, 1.0])).tolist() == [0.0, 1.0]
    rising = {name: [float(step) for step in range(100)] for name in NAMES}
    assert run(rising, rows).weights(mixture).tolist() == mixture.tolist()
    assert run({"fast": [5.0] * 5, "slow": [4.0] * 5}, rows[:5]).weights(mixture).tolist() == mixture.tolist()


def test_the_beginning_is_read_as_the_mixture_says() -> None:
    made = Reweighting(1.0, NAMES, 1000)
    mixture = np.array([0.5, 0.5])
    for step in range(1, 10):
        made.observe({"fast": 5.0 - step, "slow": 5.0}, np.array([5, 5]), 10 * step)
        assert made.weights(mixture).tolist() == [0.5, 0.5]
    made.observe({"fast": -5.0, "slow": 5.0}, np.array([5, 5]), 100)
    assert made.weights(mixture)[0] > 0.8


def test_a_domain_that_is_not_seen_yet_is_drawn_as_the_others_are() -> None:
    made = Reweighting(1.0, NAMES, 100)
    for step in range(1, 10):
        made.observe({"fast": 5.0 - step}, np.array([10, 0]), 10 * step)
    assert made.weights(np.array([0.3, 0.7])) == pytest.approx([0.3, 0.7])
