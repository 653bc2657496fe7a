"""The rules of muP and CompleteP, against the published tables, restated here by hand."""

import math

import pytest

from assay.spec.recipe import Recipe, changed
from assay.spec.scale import Scale, shape_at
from assay.spec.transfer import Transfer, transferred

MUP = {"transfer": "mup", "base_width": 64, "base_depth": 2}


def test_without_a_rule_nothing_follows_the_scale() -> None:
    wide = shape_at(Recipe(), Scale(name="wide", width=512, depth=8, flops=1e13), 257)
    assert wide.transfer == Transfer()
    assert wide.batch == Recipe().data.batch


def test_at_the_base_size_nothing_changes() -> None:
    base = shape_at(changed(Recipe(), MUP), Scale(name="base", width=64, depth=2, flops=1e12), 257)
    assert base.transfer == Transfer()
    assert base == shape_at(Recipe(), Scale(name="base", width=64, depth=2, flops=1e12), 257)


def test_width_and_depth_follow_table_8_of_tensor_programs_v_and_table_1_of_completep() -> None:
    found = transferred(changed(Recipe(), MUP), width=256, depth=8, tokens=1e6)
    assert found.matrix_lr == 1 / 4
    assert found.matrix_lr * found.matrix_decay == 1, "learning rate times decay stays"
    assert found.deviation**2 == 1 / 4
    assert found.logits == 1 / 4
    assert found.branch == 1 / 4
    assert (found.lr, found.decay) == (1, 1)


@pytest.mark.parametrize("factor", [4, 16])
def test_batch_follows_the_root_of_the_tokens_and_decay_remembers_the_same_fraction_of_the_run(factor: int) -> None:
    recipe = changed(Recipe(), MUP | {"base_tokens": 1e6})
    found = transferred(recipe, width=64, depth=2, tokens=factor * 1e6)
    assert found.batch == math.sqrt(factor)
    assert found.lr == pytest.approx(factor**0.25)
    # Weights remember 1 / (learning rate × decay) steps, of steps ∝ tokens / batch.
    steps = factor / found.batch
    assert found.lr * found.decay * steps == pytest.approx(1.0)


def test_the_batch_is_whole_and_the_compute_stays() -> None:
    recipe = changed(Recipe(), MUP | {"base_tokens": 1e5})
    scale = Scale(name="any", width=64, depth=2, flops=1e12)
    plain, scaled = shape_at(changed(Recipe(), MUP), scale, 257), shape_at(recipe, scale, 257)
    assert scaled.batch > plain.batch
    assert scaled.batch == recipe.data.batch * scaled.transfer.batch
    assert scaled.flops == pytest.approx(plain.flops, rel=0.05)
