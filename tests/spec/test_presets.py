"""Recipes that come with assay: names that people write down, so what they stand for must not change."""

from pathlib import Path

import pytest

from assay.spec.errors import UserError
from assay.spec.lab import DEFAULT_LADDER
from assay.spec.ladders import LADDERS
from assay.spec.presets import PRESETS, named_recipe
from assay.spec.recipe import Recipe
from assay.spec.scale import Scale, shape_at


def test_names_keep_their_meaning() -> None:
    """Hashes as they were when each name was given."""
    assert PRESETS["nanogpt"].hash == Recipe().hash == "44136fa355b3678a"
    assert PRESETS["reference"].hash == "0cab5bab11e974bb"


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_can_be_built_on_every_ladder(name: str) -> None:
    for scale in (*DEFAULT_LADDER, *LADDERS["tiny"]):
        assert shape_at(PRESETS[name], scale, 257).steps >= 1


@pytest.mark.parametrize(("width", "depth"), [(128, 5), (224, 5), (384, 6)])
def test_reference_is_as_large_as_nanogpt(width: int, depth: int) -> None:
    """At equal context, untied embeddings weigh what the table of positions did: within 2%, as comparisons need it."""
    scale = Scale(name="a", width=width, depth=depth, flops=1e15)
    reference = shape_at(PRESETS["reference"], scale, 257).parameters
    context = PRESETS["reference"].data.context
    nanogpt = 12 * depth * width**2 + (2 * depth + 1) * width + (257 + context) * width
    assert reference == pytest.approx(nanogpt, rel=0.02)


def test_names_and_files(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text("[optimiser]\nlr = 0.004\n")
    assert named_recipe(str(file)).optimiser.lr == 0.004
    assert named_recipe("reference") == PRESETS["reference"]
    with pytest.raises(UserError, match="no recipe is called 'best'; name a TOML file, or one of: nanogpt, reference"):
        named_recipe("best")
