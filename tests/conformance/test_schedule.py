"""What every schedule in the registry must do."""

from hypothesis import given
from hypothesis import strategies as st

from assay.spec.recipe import Schedule
from assay.spec.registry import load, names


@given(
    st.sampled_from(names("schedule")),
    st.integers(1, 300),
    st.floats(0, 0.99),
    st.floats(0.01, 1),
    st.floats(0, 1),
)
def test_every_schedule_rises_then_falls_between_its_limits(
    name: str, steps: int, warmup: float, decay: float, final: float
) -> None:
    schedule = Schedule(name=name, warmup=warmup, decay=decay, final=final)
    factors = [load("schedule", name)(step, steps, schedule) for step in range(steps)]
    top = factors.index(max(factors))
    assert 0 < max(factors) <= 1
    assert all(0 <= factor <= 1 for factor in factors)
    assert factors[: top + 1] == sorted(factors[: top + 1])
    assert all(a >= b - 1e-12 for a, b in zip(factors[top:], factors[top + 1 :], strict=False))
    assert all(factor >= final - 1e-12 for factor in factors[top:] if top < steps - 1)
