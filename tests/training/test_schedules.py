import math
from typing import Any

import pytest

from assay.spec.recipe import Schedule
from assay.spec.registry import load

# (name, schedule, {step: factor}) for 100 steps; worked out by hand from the definitions.
KNOWN: list[tuple[str, dict[str, Any], dict[int, float]]] = [
    ("cosine", {"warmup": 0.1, "final": 0.1}, {0: 1 / 11, 9: 10 / 11, 10: 1.0, 55: 0.55, 70: 0.1 + 0.45 * 0.5}),
    ("cosine", {"warmup": 0.0, "final": 0.0}, {0: 1.0, 25: 0.5 + math.sqrt(2) / 4, 50: 0.5}),
    ("linear", {"warmup": 0.1, "final": 0.0}, {0: 1 / 11, 10: 1.0, 55: 0.5, 91: 0.1}),
    ("linear", {"warmup": 0.0, "final": 0.5}, {0: 1.0, 50: 0.75}),
    ("wsd", {"warmup": 0.05, "decay": 0.2, "final": 0.0}, {0: 1 / 6, 5: 1.0, 50: 1.0, 80: 1.0, 90: 0.5, 99: 0.05}),
    ("wsd", {"warmup": 0.5, "decay": 1.0, "final": 0.1}, {49: 50 / 51, 50: 1.0, 75: 0.55}),
    ("sqrt", {"warmup": 0.05, "decay": 0.2, "final": 0.0}, {5: 1.0, 80: 1.0, 85: 0.5, 90: 1 - math.sqrt(0.5)}),
    ("sqrt", {"warmup": 0.0, "decay": 1.0, "final": 0.5}, {0: 1.0, 25: 0.75, 81: 0.55}),
    ("constant", {"warmup": 0.1, "final": 0.0}, {0: 1 / 11, 9: 10 / 11, 10: 1.0, 55: 1.0, 99: 1.0}),
]  # fmt: skip


@pytest.mark.parametrize(("name", "settings", "points"), KNOWN)
def test_known_points(name: str, settings: dict[str, Any], points: dict[int, float]) -> None:
    schedule = Schedule(name=name, **settings)
    factor = load("schedule", name)
    assert {step: factor(step, 100, schedule) for step in points} == pytest.approx(points)


def test_cosine_is_nanogpts() -> None:
    """`get_lr` as nanoGPT publishes it: 2,000 steps, 100 of warm-up, from 1e-3 to 1e-4."""

    def published(it: int) -> float:
        if it < 100:
            return 1e-3 * (it + 1) / (100 + 1)
        ratio = (it - 100) / (2000 - 100)
        return 1e-4 + 0.5 * (1.0 + math.cos(math.pi * ratio)) * (1e-3 - 1e-4)

    factor = load("schedule", "cosine")
    for step in range(0, 2000, 37):
        assert 1e-3 * factor(step, 2000, Schedule()) == pytest.approx(published(step))


def test_sqrt_is_haegele_and_others() -> None:
    """Section 3.1: η(n) = η_max (1 − √((n − (N − N_decay)) / N_decay)) for n > N − N_decay, and η_max before."""
    steps, decay = 1000, 200
    factor, schedule = load("schedule", "sqrt"), Schedule(name="sqrt", warmup=0.0, decay=decay / steps, final=0.0)
    for n in range(0, steps, 7):
        expected = 1 - math.sqrt((n - (steps - decay)) / decay) if n > steps - decay else 1.0
        assert factor(n, steps, schedule) == pytest.approx(expected)
