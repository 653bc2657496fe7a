"""Random verdicts and what gates may look at."""

from typing import Any

from hypothesis import strategies as st

from assay.spec.lab import Limits
from assay.spec.verdict import Evidence, Pair, Verdict

numbers = st.floats(-1.0, 1.0)


@st.composite
def evidences(draw: st.DrawFn) -> Evidence:
    stage = draw(st.sampled_from(["half", "replicate", "confirm", "measure"]))
    effects = draw(st.lists(st.none() | numbers, max_size=4))
    pairs = tuple(Pair(seed=i, champion="a", candidate="b", difference=effect) for i, effect in enumerate(effects))
    return Evidence(
        stage=stage, scale=stage, pairs=pairs, effect=draw(st.none() | numbers), e_value=draw(st.floats(0, 1e6))
    )


verdicts = st.builds(
    Verdict,
    number=st.integers(1, 1000),
    decision=st.sampled_from(["supported", "refuted", "inconclusive"]),
    e_value=st.floats(0, 1e6),
    threshold=st.floats(1, 1e6),
    evidence=st.lists(evidences(), max_size=4).map(tuple),
    reasons=st.lists(st.text(min_size=1), min_size=1, max_size=3).map(tuple),
)

facts: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {
        "limits": st.builds(Limits, memory_mb=st.floats(1, 1e4), step_ms=st.floats(1, 1e4)),
        "step_ms": st.floats(0, 2e4),
        "memory_mb": st.floats(0, 2e4),
    }
)
