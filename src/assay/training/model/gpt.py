"""One GPT, from token numbers to logits.

With a recipe's defaults it is nanoGPT's model: learned positions, LayerNorm before each part, GELU, tied
embeddings, no biases.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from assay.spec.recipe import Model
from assay.spec.scale import Shape
from assay.training.model.init import initialise
from assay.training.model.layer import Layer
from assay.training.model.matrices import HiddenMatrix
from assay.training.model.norm import Norm
from assay.training.model.rotary import rotation


class GPT(nn.Module):
    """A decoder-only transformer.

    `GPT(shape, settings, seed)` has freshly drawn weights; `model(tokens_BT)` gives logits (B, T, V), which are
    `model.logits(model.hidden(tokens_BT))`.
    """

    def __init__(self, shape: Shape, settings: Model, seed: int = 0) -> None:
        super().__init__()
        self.embedding = nn.Embedding(shape.vocab, shape.width)
        self.positions: nn.Parameter | None = None
        self.rope: tuple[Tensor, Tensor] | None = None
        if settings.position == "learned":
            self.positions = nn.Parameter(torch.empty(shape.context, shape.width))
        else:
            self.rope = rotation(shape.context, shape.head_dim, settings.rope_base)
        self.layers = nn.ModuleList(Layer(shape, settings) for _ in range(shape.depth))
        self.final_norm = Norm(shape.width, settings)
        self.head = None if settings.tied_embeddings else nn.Linear(shape.width, shape.vocab, bias=False)
        self.logits_ratio = shape.transfer.logits
        initialise(self, shape, seed)

    def hidden(self, tokens_BT: Tensor, documents_BT: Tensor | None = None) -> Tensor:
        """The residual stream (B, T, C) after the last layer and the final norm.

        `documents_BT` numbers the documents of each row, for attention within them only; None: a row is one.
        """
        assert documents_BT is None, "document masks are to come"
        x_BTC = self.embedding(tokens_BT)
        if self.positions is not None:
            x_BTC = x_BTC + self.positions[: tokens_BT.shape[1]]
        for layer in self.layers:
            x_BTC = layer(x_BTC, self.rope)
        return self.final_norm(x_BTC)

    def logits(self, x_BTC: Tensor) -> Tensor:
        """Logits (…, V) of what `hidden` gave, of any of its rows."""
        if self.logits_ratio != 1:
            x_BTC = x_BTC * self.logits_ratio
        return F.linear(x_BTC, self.embedding.weight if self.head is None else self.head.weight)

    def forward(self, tokens_BT: Tensor, documents_BT: Tensor | None = None) -> Tensor:
        return self.logits(self.hidden(tokens_BT, documents_BT))

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
