"""One GPT, from token numbers to logits.

With a recipe's defaults it is nanoGPT's model: learned positions, LayerNorm before each part, GELU, tied
embeddings, no biases.
"""

import torch
from torch import Tensor, nn

from assay.spec.recipe import Model
from assay.spec.scale import Shape
from assay.training.kernels.linear import Linear, linear
from assay.training.model.attention import Pass
from assay.training.model.init import initialise
from assay.training.model.layer import Layer
from assay.training.model.masks import masks
from assay.training.model.matrices import HiddenMatrix
from assay.training.model.moe import Experts
from assay.training.model.norm import norm
from assay.training.model.rotary import rotation


def softcap(logits: Tensor, limit: float) -> Tensor:
    """limit·tanh(logits / limit): nearly the same while small, and never beyond ±limit (Gemma 2, 2024, section 2)."""
    return limit * torch.tanh(logits / limit)


class GPT(nn.Module):
    """A decoder-only transformer.

    `GPT(shape, settings, seed)` has freshly drawn weights; `model(tokens_BT)` gives logits (B, T, V), which are
    `model.logits(model.hidden(tokens_BT))`.
    """

    cos_TD: Tensor | None
    sin_TD: Tensor | None

    def __init__(self, shape: Shape, settings: Model, seed: int = 0) -> None:
        super().__init__()
        self.window = settings.window
        self.softcap = settings.logit_softcap
        self.logits_ratio = shape.transfer.logits
        self.embedding = nn.Embedding(shape.vocab, shape.width)
        learned, rope = settings.position == "learned", settings.position == "rope"
        self.positions = nn.Parameter(torch.empty(shape.context, shape.width)) if learned else None
        cos, sin = rotation(shape.context, shape.head_dim, settings.rope_base) if rope else (None, None)
        self.register_buffer("cos_TD", cos, persistent=False)
        self.register_buffer("sin_TD", sin, persistent=False)
        self.layers = nn.ModuleList(Layer(shape, settings, layer) for layer in range(shape.depth))
        # With a norm after each sum, the last layer's is the final one.
        self.final_norm = nn.Identity() if settings.norm_place == "post" else norm(shape.width, settings)
        self.head = None if settings.tied_embeddings else Linear(shape.width, shape.vocab, bias=False)
        initialise(self, shape, settings, seed)

    def hidden(self, tokens_BT: Tensor, documents_BT: Tensor | None = None) -> Tensor:
        """The residual stream (B, T, C) after the last layer and the final norm.

        `documents_BT` numbers the documents of each row, for attention within them only; None: a row is one.
        """
        x_BTC = self.embedding(tokens_BT)
        if self.positions is not None:
            x_BTC = x_BTC + self.positions[: tokens_BT.shape[1]]
        rope = None if self.cos_TD is None or self.sin_TD is None else (self.cos_TD, self.sin_TD)
        now = Pass(tokens_BT, x_BTC, masks(tokens_BT, documents_BT, self.window), rope)
        for layer in self.layers:
            x_BTC = layer(x_BTC, now)
        return self.final_norm(x_BTC)

    @property
    def output_matrix(self) -> Tensor:
        """The matrix (V, C) from the stream to logits."""
        return self.embedding.weight if self.head is None else self.head.weight

    def logits(self, x_BTC: Tensor) -> Tensor:
        """Logits (…, V) of what `hidden` gave, of any of its rows."""
        if self.logits_ratio != 1:
            x_BTC = x_BTC * self.logits_ratio
        logits = linear(x_BTC, self.output_matrix)
        return softcap(logits, self.softcap) if self.softcap else logits

    def forward(self, tokens_BT: Tensor, documents_BT: Tensor | None = None) -> Tensor:
        return self.logits(self.hidden(tokens_BT, documents_BT))

    def balance_experts(self) -> None:
        """After each step: let the experts' biases follow the loads of that step. Without experts, nothing."""
        for layer in self.layers:
            if isinstance(layer.mlp, Experts):
                layer.mlp.balance()

    def hidden_matrices(self) -> list[HiddenMatrix]:
        """The weight matrices of the layers, for optimisers that treat them unlike embeddings and vectors."""
        return [matrix for layer in self.layers for matrix in layer.matrices()]  # pyright: ignore[reportCallIssue]

    def parameter_groups(self) -> dict[str, list[nn.Parameter]]:
        """Every parameter once, by what it is.

        hidden: the matrices of the layers; embedding: tables that are looked up (a tied one is the output matrix
        too); head: the output matrix, where it is not tied; vectors: gains, biases and learned scalars.
        """
        hidden = {id(matrix.weight) for matrix in self.hidden_matrices()}
        groups: dict[str, list[nn.Parameter]] = {"hidden": [], "embedding": [], "head": [], "vectors": []}
        for name, parameter in self.named_parameters():
            if id(parameter) in hidden:
                groups["hidden"].append(parameter)
            elif parameter.ndim < 2:
                groups["vectors"].append(parameter)
            else:
                groups["head" if name == "head.weight" else "embedding"].append(parameter)
        return groups
