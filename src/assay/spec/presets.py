"""Recipes with a name, usable wherever a recipe is named.

`nanogpt` is the empty recipe: nanoGPT's published settings for small models. Labs begin with it unless told otherwise.

`reference` is what we recommend to train models of 1M to 10M parameters with: what the public speedruns of small GPTs
have settled on (https://github.com/KellerJordan/modded-nanogpt), as far as it holds at a few million tokens. Both rates
were tuned lightly, at 1M parameters and 1M tokens, on a seed that no reported comparison uses; how it compares with
nanoGPT at equal tokens is in `benchmarks/RESULTS.md`.

Its batch of 4,096 tokens is meant for runs of hundreds of steps and more. Runs of the default ladder are shorter: there
it needs `data.batch = 3`, as many tokens a step as nanoGPT's.

To add one, give it an entry here; what a name stands for never changes, since people write names down.
"""

from pathlib import Path

from assay.spec.errors import UserError
from assay.spec.recipe import Data, Model, Optimiser, Recipe, Schedule

PRESETS: dict[str, Recipe] = {
    "nanogpt": Recipe(),
    "reference": Recipe(
        model=Model(
            position="rope",  # Su et al. 2021
            norm="rmsnorm",  # Zhang & Sennrich 2019
            qk_norm=True,  # Henry et al. 2020
            mlp="relu2",  # So et al. 2021, "Primer"
            tied_embeddings=False,
        ),
        optimiser=Optimiser(name="muon", lr=0.01, beta2=0.95, muon_lr=0.01),  # Jordan et al. 2024
        schedule=Schedule(name="linear", final=0.0),  # Bergsma et al. 2025, "Straight to zero"
        data=Data(context=256, batch=16),
    ),
}


def stands_alone(name: str) -> bool:
    """Whether a recipe's name means the same in every lab and outside of one: a TOML file's or a preset's."""
    return name in PRESETS or _is_file(name)


def _is_file(name: str) -> bool:
    return name.endswith(".toml") or Path(name).is_file()


def named_recipe(name: str) -> Recipe:
    """A preset, or the recipe in a TOML file. Raises `UserError` where it is neither."""
    if _is_file(name):
        return Recipe.from_toml(Path(name))
    if name in PRESETS:
        return PRESETS[name]
    raise UserError(f"no recipe is called '{name}'; name a TOML file, or one of: {', '.join(PRESETS)}")
