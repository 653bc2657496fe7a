"""Fields that exclude each other: every pair is refused in one sentence that names both and their values."""

from typing import Any

import pytest

from assay.spec.combinations import CONFLICTS
from assay.spec.errors import UserError
from assay.spec.recipe import Recipe, changed, flatten

EXAMPLES: list[dict[str, Any]] = [
    {"model.experts": 2, "model.experts_per_token": 3},
    {"model.experts": 4, "model.bias": True},
    {"model.position": "rope", "model.head_dim": 15},
    {"model.init": "zero_residual", "model.norm_place": "output"},
    {"model.init": "zero_residual", "model.norm_place": "sandwich"},
    {"optimiser.name": "schedule_free", "schedule.average": 0.2},
    {"data.opening.share": 0.7, "data.closing.share": 0.4},
    {"data.mixture": {"code": 1.0}, "data.mixture_rule": "unimax"},
    {"data.reweight": 1.0, "data.epoch_limit": 2.0},
    {"data.reweight": 1.0, "data.epoch_limits": {"code": 2.0}},
    *(
        {"optimiser.name": "schedule_free", f"optimiser.{key}": 0.0}
        for key in ("beta1", "embedding.beta1", "head.beta1", "vectors.beta1")
    ),
]


@pytest.mark.parametrize("example", EXAMPLES, ids=" and ".join)
def test_both_fields_are_named(example: dict[str, Any]) -> None:
    with pytest.raises(UserError) as caught:
        changed(Recipe(), example)
    for field, value in example.items():
        assert f"{field} = {value!r}" in str(caught.value)
    assert "\n" not in str(caught.value)
    for field, value in example.items():
        changed(Recipe(), {field: value})  # alone it is possible


def test_every_conflict_has_an_example() -> None:
    shown = set()
    for example in EXAMPLES:
        flat = flatten(Recipe().model_dump(mode="json")) | example
        shown |= {(each.one, each.other) for each in CONFLICTS if each.both(flat)}
    assert shown == {(each.one, each.other) for each in CONFLICTS}
