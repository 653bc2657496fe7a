"""muP in the model: what must not depend on the width does not, and does when the rule is broken."""

import pytest
import torch

from assay.spec.recipe import Recipe, changed
from assay.spec.registry import load
from assay.spec.scale import Scale, Shape, shape_at
from assay.spec.transfer import Transfer
from assay.training.model import GPT

CHANGE = {
    "model.position": "rope", "model.norm": "rmsnorm", "model.tied_embeddings": False, "model.head_dim": 16,
    "data.context": 16, "data.batch": 8, "base_width": 32,
}  # fmt: skip
WIDTHS = (32, 128, 512)


def model_at(recipe: Recipe, width: int, depth: int = 2, seed: int = 0) -> tuple[GPT, Shape]:
    shape = shape_at(recipe, Scale(name="any", width=width, depth=depth, flops=1e15), 65)
    return GPT(shape, recipe.model, seed), shape


def change_after_a_step(rule: str, width: int, name: str, lr: str) -> float:
    """Root mean square change of the final hidden state over three steps: the coordinate check of Yang et al., §D.1."""
    recipe = changed(Recipe(), CHANGE | {"transfer": rule, "optimiser.name": name, lr: 0.01, "optimiser.lr": 0.01})
    found: list[float] = []
    for seed in range(3):
        model, shape = model_at(recipe, width, seed=seed)
        optimisers = load("optimiser", name)(model, recipe.optimiser, shape.transfer)
        tokens = torch.randint(0, 65, (8, 17), generator=torch.Generator().manual_seed(seed))
        with torch.no_grad():
            before = torch.stack([layer.mlp.up.weight.norm() for layer in model.layers])  # pyright: ignore
            hidden = stream(model, tokens[:, :-1])
        for _ in range(3):
            loss = torch.nn.functional.cross_entropy(model(tokens[:, :-1]).flatten(0, 1), tokens[:, 1:].flatten())
            loss.backward()
            for optimiser in optimisers:
                optimiser.step()
                optimiser.zero_grad()
        with torch.no_grad():
            assert before.isfinite().all()
            found.append((stream(model, tokens[:, :-1]) - hidden).square().mean().sqrt().item())
    return sum(found) / len(found)


def stream(model: GPT, tokens: torch.Tensor) -> torch.Tensor:
    """The residual stream before the final norm."""
    kept: list[torch.Tensor] = []
    handle = model.final_norm.register_forward_pre_hook(lambda _module, inputs: kept.append(inputs[0]))
    model(tokens)
    handle.remove()
    return kept[0]


@pytest.mark.parametrize(("name", "lr"), [("adamw", "optimiser.lr"), ("muon", "optimiser.muon_lr")])
def test_a_step_moves_activations_as_much_at_every_width(name: str, lr: str) -> None:
    moved = [change_after_a_step("mup", width, name, lr) for width in WIDTHS]
    assert max(moved) / min(moved) < 2.0, moved


def test_without_the_rule_a_step_moves_wide_activations_more() -> None:
    moved = [change_after_a_step("constant", width, "adamw", "optimiser.lr") for width in WIDTHS]
    assert moved[-1] / moved[0] > 3.0, moved


def test_logits_and_deviations_follow_the_width() -> None:
    recipe = changed(Recipe(), CHANGE | {"transfer": "mup"})
    narrow, wide = (model_at(recipe, width)[0] for width in (32, 128))
    deviation = [model.layers[0].attention.qkv.weight.std().item() for model in (narrow, wide)]  # pyright: ignore
    assert deviation[0] / deviation[1] == pytest.approx(2.0, rel=0.1)
    x = torch.randn(3, 128)
    assert wide.head is not None
    assert torch.allclose(wide.logits(x), x @ wide.head.weight.T / 4, atol=1e-6)


def test_deep_models_add_less_a_layer() -> None:
    recipe = changed(Recipe(), CHANGE | {"transfer": "mup", "base_depth": 2})
    _, shape = model_at(recipe, 32, depth=8)
    assert shape.transfer == Transfer(depth=4)
