"""Block masks against boolean ones. FlexAttention runs uncompiled here; its kernels for GPUs are not tested."""

import pytest
import torch
from torch.nn.attention.flex_attention import create_mask

from assay.spec.recipe import Recipe, changed
from assay.spec.scale import Scale, shape_at
from assay.training import kernels
from assay.training.kernels import flex
from assay.training.kernels.attention import attend
from assay.training.model import GPT, masks

CPU = torch.device("cpu")
LENGTH = 150  # more than one block, and a rest
DOCUMENTS = torch.tensor([[0] * 40 + [1] * 70 + [2] * 40, [0] * 150, [0, 1, 2] + [3] * 147])
TOKENS = torch.zeros(3, LENGTH, dtype=torch.int64)


@pytest.mark.parametrize("window", [0, 30])
@pytest.mark.parametrize("within_documents", [False, True])
def test_block_masks_allow_what_boolean_masks_allow(window: int, within_documents: bool) -> None:
    documents = DOCUMENTS if within_documents else None
    expected = masks.masks(TOKENS, documents, window)
    block = flex.block_mask(LENGTH, window, documents, CPU)
    allowed = create_mask(block.mask_mod, len(TOKENS), 1, LENGTH, LENGTH, device="cpu")
    wanted = expected.window if window else expected.full
    wanted = torch.ones(LENGTH, LENGTH, dtype=torch.bool).tril() if wanted is None else wanted
    assert isinstance(wanted, torch.Tensor)
    assert torch.equal(allowed, wanted.expand_as(allowed))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:flex_attention called without torch.compile")
def test_a_model_attends_as_with_boolean_masks(monkeypatch: pytest.MonkeyPatch) -> None:
    change = {"model.window": 30, "model.query_heads_per_kv": 2, "data.context": LENGTH, "data.batch": 3}
    recipe = changed(Recipe(), {**change, "model.position": "rope", "data.document_mask": True})
    model = GPT(shape_at(recipe, Scale(name="s", width=64, depth=2, flops=1e12), 50), recipe.model)
    with kernels.plain():
        expected = model(TOKENS, DOCUMENTS)
    monkeypatch.setattr(masks, "blocks_serve", lambda _: True)
    used = []
    monkeypatch.setattr(
        "assay.training.kernels.attention.attend_blocks", lambda *x: used.append(1) or flex.attend_blocks(*x)
    )
    with torch.no_grad():  # on a CPU it has no backward pass
        torch.testing.assert_close(model(TOKENS, DOCUMENTS), expected, rtol=0, atol=1e-6)
    assert len(used) == 2


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:flex_attention called without torch.compile")
def test_queries_keys_and_values_meet_in_one_precision() -> None:
    drawn = torch.randn(1, 2, LENGTH, 16)
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        y = attend(drawn, drawn, drawn.bfloat16(), flex.block_mask(LENGTH, 30, None, CPU))
    assert y.dtype == torch.bfloat16
