"""What goes on inside the model, looked at now and then: another forward pass over part of a batch."""

import math
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from assay.training.kernels import plain
from assay.training.model import GPT
from assay.training.model.mlp import Mlp
from assay.training.model.moe import Experts
from assay.training.objective import TokenBatch

EVERY = 200  # steps; the last one of a run is looked at too
TOKENS = 256  # of a batch that are read, whole rows, at least one
QUIET = 0.01  # of the root mean square of its layer's units: a unit that never goes beyond counts as dead


class _Attention(TorchFunctionMode):
    """While entered, notes the mean entropy in nats of every attention that is computed, on the first row alone."""

    def __init__(self) -> None:
        super().__init__()
        self.entropies: list[Tensor] = []

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if func is F.scaled_dot_product_attention:
            self.entropies.append(_entropy(args[0][:1], args[1][:1], **(kwargs or {})))
        return func(*args, **(kwargs or {}))


def _entropy(
    q_BHTD: Tensor, k_BKTD: Tensor, attn_mask: Tensor | None = None, scale: float | None = None, **_: Any
) -> Tensor:
    heads, length = q_BHTD.shape[1:3]
    k_BHTD = k_BKTD.repeat_interleave(heads // k_BKTD.shape[1], dim=1)
    scores = q_BHTD @ k_BHTD.mT * (scale or 1 / math.sqrt(q_BHTD.shape[-1]))
    if attn_mask is None:
        attn_mask = torch.ones(length, length, dtype=torch.bool, device=scores.device).tril()
    elif attn_mask.ndim == 4:  # a mask for each row
        attn_mask = attn_mask[:1]
    scores = scores.masked_fill(~attn_mask, -math.inf) if attn_mask.dtype == torch.bool else scores + attn_mask
    return torch.special.entr(scores.float().softmax(-1)).sum(-1).mean()


@torch.no_grad()
def look_inside(model: GPT, batch: TokenBatch) -> dict[str, Any]:
    """Measure the model on the first rows of a batch. Leaves it, its gradients and all random numbers as they were.

    Returns, with one number for each layer:
        activation_rms: root mean square of the residual stream after it.
        attention_entropy: in nats, mean over heads and tokens.
        dead_units: share of its MLP's hidden units that stay near zero on every token.
        expert_load: with experts, the largest load over the mean load.
        idle_experts: with experts, the share of them that no token went to.
    and logit_range, the least and the largest logit.
    """
    rows = max(1, TOKENS // batch.tokens.shape[1])
    documents = None if batch.documents is None else batch.documents[:rows]
    seen: dict[str, list[Tensor]] = {
        "activation_rms": [], "attention_entropy": [], "dead_units": [], "expert_load": [], "idle_experts": []
    }  # fmt: skip

    def after_layer(_module: nn.Module, _inputs: Any, x_BTC: Tensor) -> None:
        seen["activation_rms"].append(x_BTC.float().square().mean().sqrt())

    def before_down(_module: nn.Module, inputs: tuple[Tensor]) -> None:
        size_F = inputs[0].float().abs().flatten(0, -2)
        largest_F = size_F.amax(0)
        seen["dead_units"].append((largest_F <= QUIET * size_F.square().mean().sqrt()).float().mean())

    def before_experts(module: nn.Module, inputs: tuple[Tensor]) -> None:
        assert isinstance(module, Experts)
        load_E = module.loads(inputs[0].flatten(0, -2)).float()
        seen["expert_load"].append(load_E.max() / load_E.mean())
        seen["idle_experts"].append((load_E == 0).float().mean())

    hooks = [layer.register_forward_hook(after_layer) for layer in model.layers]
    for module in model.modules():
        if isinstance(module, Experts):
            hooks.append(module.register_forward_pre_hook(before_experts))
        elif isinstance(module, Mlp):
            hooks.append(module.down.register_forward_pre_hook(before_down))
    training = model.training
    model.eval()  # experts count no loads
    try:
        with plain(), _Attention() as attention:  # kernels of our own would pass it by
            logits = model(batch.tokens[:rows], documents)
    finally:
        model.train(training)
        for hook in hooks:
            hook.remove()
    seen["attention_entropy"] = attention.entropies
    found = {name: torch.stack(values).tolist() for name, values in seen.items() if values}
    return {**found, "logit_range": torch.stack(logits.aminmax()).tolist()}
