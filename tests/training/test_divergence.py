import math

import pytest

from assay.training.divergence import Divergence

UNIFORM = math.log(257)


@pytest.mark.parametrize(("loss", "norm"), [(math.nan, 1.0), (math.inf, 1.0), (2.0, math.nan), (2.0, math.inf)])
def test_what_is_not_finite_has_diverged_even_in_the_warm_up(loss: float, norm: float) -> None:
    watch = Divergence(257, warmup_steps=100)
    assert watch.seen(1, 5.0, 1.0) is None
    assert watch.seen(2, loss, norm)


def test_one_bad_batch_is_forgiven_and_an_explosion_is_not() -> None:
    watch = Divergence(257, warmup_steps=10)
    for step in range(1, 51):
        assert watch.seen(step, 3.0, 1.0) is None
    assert watch.seen(51, 40.0, 1.0) is None
    exploded = [step for step in range(52, 100) if watch.seen(step, 40.0, 1.0)]
    assert exploded
    assert exploded[0] <= 55


def test_a_run_that_learns_nothing_has_not_diverged() -> None:
    watch = Divergence(257, warmup_steps=0)
    assert not any(watch.seen(step, UNIFORM * 1.05, 1.0) for step in range(1, 500))


def test_a_high_loss_during_warm_up_is_not_yet_an_explosion() -> None:
    watch = Divergence(257, warmup_steps=20)
    assert not any(watch.seen(step, 12.0, 1.0) for step in range(1, 21))
    assert watch.seen(21, 12.0, 1.0)
