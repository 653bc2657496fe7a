"""The recipe: everything that decides a training run except its seed and its scale.

Every default is nanoGPT's published setting for small models (its README's CPU command and
`config/train_shakespeare_char.py`): four things to know when reading them are that the batch is 12 sequences of
64 tokens, AdamW runs at 1e-3 with beta2 0.99, warm-up is 100 of 2,000 steps, and the cosine ends at a tenth of
the peak. The empty recipe is therefore generation 0. A default's meaning never changes.
"""

import json
from typing import Any, Literal, cast

from pydantic import Field, ValidationError, field_validator

from assay.spec.base import Frozen, explain
from assay.spec.errors import UserError
from assay.spec.registry import names

#: Sizes beyond any model's, so that a slip of the pen is an error and not an overflow.
MOST = 2**24
MOST_RATIO = 1000.0


def _known(kind: str, value: str) -> str:
    if value not in names(kind):
        raise ValueError(f"no {kind} is called '{value}'; known are: {', '.join(names(kind))}")
    return value


class Model(Frozen):
    """Architecture, stated relative to the scale."""

    width_ratio: float = Field(
        default=1.0, gt=0, le=MOST_RATIO, description="width of the residual stream, times the scale's width"
    )
    depth_ratio: float = Field(
        default=1.0, gt=0, le=MOST_RATIO, description="number of layers, times the scale's depth"
    )
    head_dim: int = Field(default=32, gt=0, le=MOST, description="width of one attention head; must divide the width")
    query_heads_per_kv: int = Field(default=1, gt=0, le=MOST, description="query heads that share one key/value head")
    position: Literal["learned", "rope"] = Field(default="learned", description="learned table, or rotary (RoPE)")
    rope_base: float = Field(default=10_000.0, gt=1, description="longest wavelength of RoPE, in 2π tokens")
    norm: Literal["layernorm", "rmsnorm"] = Field(default="layernorm", description="before each block")
    qk_norm: bool = Field(default=False, description="RMS-normalise queries and keys per head")
    mlp: Literal["gelu", "relu2", "swiglu"] = Field(default="gelu", description="activation; swiglu is gated")
    mlp_ratio: float = Field(default=4.0, gt=0, le=MOST_RATIO, description="hidden width of the MLP, times the width")
    bias: bool = Field(default=False, description="biases in linear layers and LayerNorm")
    tied_embeddings: bool = Field(default=True, description="one table for input and output")


class Optimiser(Frozen):
    """Optimiser and its constants. With Muon, `muon_*` governs hidden matrices and AdamW the rest."""

    name: str = Field(default="adamw", description="adamw or muon")
    lr: float = Field(default=1e-3, gt=0, description="peak learning rate of AdamW")
    beta1: float = Field(default=0.9, ge=0, lt=1, description="decay of AdamW's first moment")
    beta2: float = Field(default=0.99, ge=0, lt=1, description="decay of AdamW's second moment")
    eps: float = Field(default=1e-8, gt=0, description="AdamW's guard against division by zero")
    weight_decay: float = Field(default=0.1, ge=0, description="decoupled, on matrices only")
    grad_clip: float = Field(default=1.0, ge=0, description="largest gradient norm; 0 turns clipping off")
    muon_lr: float = Field(default=0.02, gt=0, description="peak learning rate of hidden matrices under Muon")
    muon_momentum: float = Field(default=0.95, ge=0, lt=1, description="Nesterov momentum of Muon")

    @field_validator("name")
    @classmethod
    def _name(cls, value: str) -> str:
        return _known("optimiser", value)


class Schedule(Frozen):
    """Learning rate over time, as fractions of the run."""

    name: str = Field(default="cosine", description="cosine, linear or wsd (warm-up, stable, decay)")
    warmup: float = Field(default=0.05, ge=0, lt=1, description="fraction of steps with a linear rise")
    decay: float = Field(default=0.2, gt=0, le=1, description="fraction of steps in the final decay (wsd only)")
    final: float = Field(default=0.1, ge=0, le=1, description="last learning rate, as a fraction of the peak")
    average: float = Field(
        default=0.0,
        ge=0,
        le=1,
        description="fraction of steps, at the end, whose weights are averaged; 0: the last ones",
    )

    @field_validator("name")
    @classmethod
    def _name(cls, value: str) -> str:
        return _known("schedule", value)


class Data(Frozen):
    """What is read: mixture over domains, context length and batch."""

    mixture: dict[str, float] | None = Field(
        default=None, description="sampling weight per domain; absent: in proportion to each domain's tokens"
    )
    context: int = Field(default=64, gt=0, le=MOST, description="tokens a sequence")
    batch: int = Field(default=12, gt=0, le=MOST, description="sequences a step")

    @field_validator("mixture")
    @classmethod
    def _mixture(cls, weights: dict[str, float] | None) -> dict[str, float] | None:
        if weights is None:
            return None
        if not weights:
            raise ValueError("the mixture is empty; name at least one domain, or leave the key out")
        for domain, weight in weights.items():
            if weight < 0:
                raise ValueError(f"the weight of '{domain}' is negative ({weight}); weights are zero or more")
        total = sum(weights.values())
        if total <= 0:
            raise ValueError("all weights are zero; at least one domain needs a positive weight")
        # Left alone when it already adds up to one, so that a round trip keeps the hash.
        scaled = weights if abs(total - 1) < 1e-4 else {d: round(w / total, 6) for d, w in weights.items()}
        return dict(sorted(scaled.items()))


class Recipe(Frozen):
    """Everything that decides a training run except seed and scale."""

    model: Model = Model()
    optimiser: Optimiser = Optimiser()
    schedule: Schedule = Schedule()
    data: Data = Data()
    transfer: Literal["constant"] = Field(
        default="constant", description="how constants follow the scale; 'constant': not at all, as in nanoGPT"
    )
    stream: int = Field(
        default=0, ge=0, lt=2**31,
        description="another draw of every random number, with the same distribution; for placebos, never searched",
    )  # fmt: skip


Change = dict[str, Any]


def flatten(nested: dict[str, Any]) -> Change:
    """Turn nested tables into dotted keys; a mixture stays one value, since its weights belong together."""
    flat: Change = {}
    for key, value in nested.items():
        if isinstance(value, dict) and key.split(".")[-1] != "mixture":
            inner = flatten(cast(dict[str, Any], value))
            flat.update({f"{key}.{name}": leaf for name, leaf in inner.items()})
        else:
            flat[key] = value
    return flat


def changed(recipe: Recipe, change: Change, where: str = "the change") -> Recipe:
    """The recipe with dotted keys replaced, for example `{"optimiser.name": "muon"}`.

    Raises:
        UserError: a key that recipes do not have, or a value that does not fit.
    """
    data = recipe.model_dump(mode="json")
    known = flatten(data)
    for key, value in change.items():
        if key not in known:
            raise UserError(f"{where}: unknown key '{key}'; `assay recipe show` lists every key of a recipe")
        table, _, leaf = key.rpartition(".")
        (data[table] if table else data)[leaf] = value
    try:
        return Recipe.model_validate(data)
    except ValidationError as error:
        raise UserError(explain(error, where)) from None


def in_words(change: Change) -> str:
    """A change as TOML would say it, in a line: `optimiser.name = "muon", model.qk_norm = true`."""
    return ", ".join(f"{key} = {_toml(value)}" for key, value in change.items())


def _toml(value: Any) -> str:
    if isinstance(value, dict):
        inner = ", ".join(f"{key} = {_toml(each)}" for key, each in cast(dict[str, Any], value).items())
        return f"{{ {inner} }}"
    return json.dumps(value, ensure_ascii=False)


def difference(old: Recipe, new: Recipe) -> dict[str, tuple[Any, Any]]:
    """Dotted keys whose values differ, each with (old, new)."""
    a, b = flatten(old.model_dump(mode="json")), flatten(new.model_dump(mode="json"))
    return {key: (a[key], b[key]) for key in a if a[key] != b[key]}
