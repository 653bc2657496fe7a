"""The recipe: everything that decides a training run except its seed and its scale.

Every default is nanoGPT's published setting for small models (its README's CPU command and
`config/train_shakespeare_char.py`): four things to know when reading them are that the batch is 12 sequences of
64 tokens, AdamW runs at 1e-3 with beta2 0.99, warm-up is 100 of 2,000 steps, and the cosine ends at a tenth of
the peak. The empty recipe is therefore generation 0. A default's meaning never changes.
"""

import json
import re
from pathlib import Path
from typing import Annotated, Any, Literal, cast

from pydantic import AfterValidator, Field, ValidationError, field_validator, model_validator

from assay.spec.base import Frozen, canonical_json, explain
from assay.spec.combinations import check_combination
from assay.spec.errors import UserError
from assay.spec.places import place
from assay.spec.registry import names

#: Sizes beyond any model's, so that a slip of the pen is an error and not an overflow.
MOST = 2**24
MOST_RATIO = 1000.0


Change = dict[str, Any]


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
    position: Literal["learned", "rope", "none"] = Field(
        default="learned", description="learned table, rotary (RoPE), or none but what the causal mask tells"
    )
    rope_base: float = Field(default=10_000.0, gt=1, description="longest wavelength of RoPE, in 2π tokens")
    nope_every: int = Field(
        default=0, ge=0, le=MOST, description="every n-th layer goes without rotary positions (NoPE); 0: none"
    )
    norm: Literal["layernorm", "rmsnorm", "rmsnorm_plain"] = Field(
        default="layernorm", description="kind of norm; rmsnorm_plain has no learned gain"
    )
    norm_place: Literal["pre", "post", "output", "sandwich"] = Field(
        default="pre",
        description="pre: before each block; post: after the sum (Vaswani 2017); output: on the block's output, before "
        "the sum (OLMo 2); sandwich: before each block and on its output (Gemma 2)",
    )
    qk_norm: bool = Field(default=False, description="RMS-normalise queries and keys per head")
    window: int = Field(
        default=0, ge=0, le=MOST, description="tokens that a sliding-window layer looks back, itself included; 0: all"
    )
    full_every: int = Field(
        default=2,
        ge=1,
        le=MOST,
        description="with a window, every n-th layer, counted back from the last, sees the whole context",
    )
    value_embeddings: bool = Field(
        default=False, description="every other layer adds an embedding of the token, of its own, to its values"
    )
    value_residual: bool = Field(
        default=False, description="each layer mixes the first layer's values into its own, by a learned scalar"
    )
    x0_residual: bool = Field(
        default=False, description="each layer's input mixes in the embedding again, by learned scalars"
    )
    logit_softcap: float = Field(
        default=0.0, ge=0, description="logits are bent to stay within ± this, by c·tanh(x/c); 0: free"
    )
    mlp: Literal["gelu", "relu2", "swiglu"] = Field(default="gelu", description="activation; swiglu is gated")
    mlp_ratio: float = Field(default=4.0, gt=0, le=MOST_RATIO, description="hidden width of the MLP, times the width")
    bias: bool = Field(default=False, description="biases in linear layers and LayerNorm")
    tied_embeddings: bool = Field(default=True, description="one table for input and output")
    experts: int = Field(
        default=0,
        ge=0,
        le=4096,
        description="experts of a mixture-of-experts MLP, which share the hidden width; 0: one dense MLP",
    )
    experts_per_token: int = Field(default=2, ge=1, le=4096, description="experts that each token goes to (top-k)")
    shared_expert: bool = Field(default=False, description="one more expert, which every token goes to")
    expert_bias_rate: float = Field(
        default=1e-3, ge=0, le=1, description="how fast the routing bias that balances experts' loads moves, a step"
    )
    init: Literal["gpt2", "fan_in", "zero_residual"] = Field(
        default="gpt2",
        description="gpt2: deviation 0.02, less where a block writes to the stream; fan_in: 1/√inputs; zero_residual: "
        "fan_in, and nothing where a block writes to the stream",
    )
    init_ratio: float = Field(default=1.0, gt=0, le=MOST_RATIO, description="deviation, times what `init` says")


class Group(Frozen):
    """How a group of parameters departs from the optimiser's own constants. Absent: as the optimiser has it."""

    lr_ratio: float = Field(default=1.0, ge=0, le=MOST_RATIO, description="learning rate, times optimiser.lr")
    decay_ratio: float = Field(
        default=1.0, ge=0, le=MOST_RATIO, description="weight decay, times optimiser.weight_decay"
    )
    beta1: float | None = Field(default=None, ge=0, lt=1, description="decay of the first moment")
    beta2: float | None = Field(default=None, ge=0, lt=1, description="decay of the second moment")
    eps: float | None = Field(default=None, gt=0, description="guard against division by zero")


class VectorGroup(Group):
    """Gains, biases and learned scalars, which are not decayed unless asked for."""

    decay_ratio: float = Field(
        default=0.0, ge=0, le=MOST_RATIO, description="weight decay, times optimiser.weight_decay"
    )


class Optimiser(Frozen):
    """Optimiser and its constants. With Muon or SOAP, `muon_*` or `soap_*` governs hidden matrices, AdamW the rest."""

    name: str = Field(default="adamw", description="adamw, muon, soap or schedule_free")
    lr: float = Field(default=1e-3, gt=0, description="peak learning rate of AdamW")
    beta1: float = Field(default=0.9, ge=0, lt=1, description="decay of AdamW's first moment")
    beta2: float = Field(default=0.99, ge=0, lt=1, description="decay of AdamW's second moment")
    eps: float = Field(default=1e-8, gt=0, description="AdamW's guard against division by zero")
    weight_decay: float = Field(default=0.1, ge=0, description="decoupled, on matrices only")
    grad_clip: float = Field(default=1.0, ge=0, description="largest gradient norm; 0 turns clipping off")
    muon_lr: float = Field(default=0.02, gt=0, description="peak learning rate of hidden matrices under Muon")
    muon_momentum: float = Field(default=0.95, ge=0, lt=1, description="Nesterov momentum of Muon")
    soap_lr: float = Field(default=3e-3, gt=0, description="peak learning rate of hidden matrices under SOAP")
    soap_beta: float = Field(default=0.95, ge=0, lt=1, description="decay of SOAP's two covariances")
    soap_every: int = Field(default=10, ge=1, le=MOST, description="steps between updates of SOAP's eigenbases")
    cautious_decay: bool = Field(
        default=False, description="decay only weights that the update moves towards zero as well"
    )
    z_loss: float = Field(
        default=0.0, ge=0, description="weight of (ln Σ exp logits)² in the training loss, which keeps logits small"
    )
    embedding: Group = Field(default=Group(), description="embedding tables (with tied embeddings, the head too)")
    head: Group = Field(default=Group(), description="the output matrix, where it is not tied")
    vectors: VectorGroup = Field(default=VectorGroup(), description="gains, biases and learned scalars")

    @field_validator("name")
    @classmethod
    def _name(cls, value: str) -> str:
        return _known("optimiser", value)


class Schedule(Frozen):
    """Learning rate over time, as fractions of the run."""

    name: str = Field(
        default="cosine",
        description="cosine, linear, constant, or flat until a final decay that is straight (wsd) or 1 − √ (sqrt)",
    )
    warmup: float = Field(default=0.05, ge=0, lt=1, description="fraction of steps with a linear rise")
    decay: float = Field(
        default=0.2,
        gt=0,
        le=1,
        description="fraction of steps in the final decay (wsd and sqrt); at most what the warm-up leaves",
    )
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


def _normalised(weights: dict[str, float] | None) -> dict[str, float] | None:
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


Mixture = Annotated[dict[str, float] | None, AfterValidator(_normalised)]


class Stage(Frozen):
    """A part of the run with a mixture of its own, at the beginning (curriculum) or at the end (annealing)."""

    share: float = Field(default=0.0, ge=0, le=1, description="fraction of the run's tokens; 0: no such stage")
    mixture: Mixture = Field(default=None, description="sampling weight per domain; absent: as in the main part")


class Data(Frozen):
    """What is read: mixture over domains, context length and batch."""

    mixture: Mixture = Field(
        default=None, description="sampling weight per domain, by hand; absent: as data.mixture_rule has it"
    )
    mixture_rule: str = Field(
        default="size",
        description="weights without a mixture by hand; size: in proportion to each domain's tokens n; temperature: to "
        "n^(1/data.temperature); unimax: as even as data.epoch_limit allows (Chung et al. 2023)",
    )
    temperature: float = Field(
        default=3.0, gt=0, le=MOST_RATIO, description="under temperature; 1: as size, the higher the more even"
    )
    epoch_limit: float = Field(
        default=0.0,
        ge=0,
        le=MOST_RATIO,
        description="how often a run may read a domain's tokens; weight beyond goes to the others, and where all are "
        "at their limits all go equally far beyond; 0: no limit, but 4 under unimax",
    )
    epoch_limits: dict[str, Annotated[float, Field(gt=0, le=MOST_RATIO)]] | None = Field(
        default=None, description="the same for single domains, by name, in place of data.epoch_limit"
    )
    opening: Stage = Field(default=Stage(), description="the first part of the run")
    closing: Stage = Field(default=Stage(), description="the last part of the run, for annealing on the best data")
    reweight: float = Field(
        default=0.0,
        ge=0,
        le=MOST_RATIO,
        description="how strongly domains whose loss still falls fast are drawn more often, online; 0: not at all",
    )
    filters: Literal["none", "gopher", "c4", "fineweb", "all"] = Field(
        default="none", description="which rules on quality the training documents must pass; held-out text stays"
    )
    filter_limit: float = Field(
        default=0.05,
        gt=0,
        le=1,
        description="largest share of a domain's training documents, and of their bytes, that filters may take, or "
        "thresholds are relaxed there; 1: as published",
    )
    dedup: Literal["exact", "normalised", "minhash", "lines", "paragraphs", "substring"] = Field(
        default="exact",
        description="which copies are dropped from the training documents; exact: as the corpus was built; normalised: "
        "but for case, punctuation and space; minhash: near duplicates too; the others: repeated parts of documents",
    )
    dedup_similarity: float = Field(
        default=0.6, gt=0, le=1, description="Jaccard similarity of word 5-grams from which minhash drops a document"
    )
    quality_model: str = Field(default="", description="hash of a classifier in the lab's folder quality/")
    quality_share: float = Field(
        default=1.0, gt=0, le=1, description="share of each domain's bytes that is kept, the best by that classifier"
    )
    context: int = Field(default=64, gt=0, le=MOST, description="tokens a sequence")
    batch: int = Field(default=12, gt=0, le=MOST, description="sequences a step")
    batch_warmup: float = Field(
        default=0.0,
        ge=0,
        lt=1,
        description="fraction of the run's tokens read in smaller batches, a quarter, then half",
    )
    packing: Literal["stream", "best_fit"] = Field(
        default="stream",
        description="stream: windows anywhere in the text; best_fit: whole documents, packed with few truncations",
    )
    document_mask: bool = Field(default=False, description="tokens attend within their own document only")

    @field_validator("mixture_rule")
    @classmethod
    def _rule(cls, value: str) -> str:
        return _known("mixture_rule", value)

    @field_validator("quality_model")
    @classmethod
    def _hash(cls, value: str) -> str:
        if value and not re.fullmatch("[0-9a-f]{16}", value):
            raise ValueError(
                f"'{value}' is no hash of a classifier, which is 16 digits from 0 to f, as `assay quality train` tells"
            )
        return value

    def selection(self) -> str:
        """The fields that select training text, as far as they act, as canonical JSON; '': all of the corpus."""
        found: dict[str, Any] = {}
        if self.filters != "none":
            found |= {"filters": self.filters, "filter_limit": self.filter_limit}
        if self.dedup != "exact":
            found["dedup"] = self.dedup
        if self.dedup == "minhash":
            found["dedup_similarity"] = self.dedup_similarity
        if self.quality_share < 1:
            found |= {"quality_model": self.quality_model, "quality_share": self.quality_share}
        return canonical_json(found) if found else ""

    def mixes(self) -> bool:
        """Whether domains are drawn otherwise than in proportion to their tokens."""
        return self.mixture_rule != "size" or self.reweight > 0 or bool(self.by_domain())

    def by_domain(self) -> dict[str, dict[str, float]]:
        """What is given by domain, by dotted key."""
        given = {
            "data.mixture": self.mixture,
            "data.epoch_limits": self.epoch_limits,
            "data.opening.mixture": self.opening.mixture,
            "data.closing.mixture": self.closing.mixture,
        }
        return {key: numbers for key, numbers in given.items() if numbers}


class Recipe(Frozen):
    """Everything that decides a training run except seed and scale."""

    model: Model = Model()
    optimiser: Optimiser = Optimiser()
    schedule: Schedule = Schedule()
    data: Data = Data()
    transfer: Literal["constant", "mup"] = Field(
        default="constant",
        description="how constants follow the scale; constant: not at all, as in nanoGPT; mup: as the maximal update "
        "parametrisation has it, so that what is tuned at the base size holds at others",
    )
    base_width: int = Field(default=64, gt=0, le=MOST, description="width at which mup leaves constants as they are")
    base_depth: int = Field(default=2, gt=0, le=MOST, description="depth at which mup leaves constants as they are")
    base_tokens: float = Field(
        default=0.0, ge=0, description="tokens of a run at which mup leaves the batch as it is; 0: at any number"
    )
    stream: int = Field(
        default=0, ge=0, lt=2**31,
        description="another draw of every random number, with the same distribution; for placebos, never searched",
    )  # fmt: skip

    @model_validator(mode="after")
    def _possible(self) -> "Recipe":
        check_combination(flatten(self.model_dump(mode="json")))
        return self


#: Fields, besides mixtures themselves, that say how domains are mixed.
MIXING = (
    "data.mixture_rule", "data.temperature", "data.epoch_limit", "data.epoch_limits", "data.opening.share",
    "data.closing.share", "data.reweight",
)  # fmt: skip


#: Fields that select training text.
SELECTING = (
    "data.filters", "data.filter_limit", "data.dedup", "data.dedup_similarity", "data.quality_model",
    "data.quality_share",
)  # fmt: skip


def is_mixture(key: str) -> bool:
    """Whether a dotted key holds sampling weights, which belong together and stay one value."""
    return key.rpartition(".")[2] == "mixture"


def is_by_domain(key: str) -> bool:
    """Whether a dotted key holds a number for each of some domains: weights, or limits on repetition."""
    return is_mixture(key) or key.rpartition(".")[2] == "epoch_limits"


def redraws(change: Change) -> bool:
    """Whether a change makes a run read other text, so that its training loss does not compare with other runs'."""
    drawing = (*MIXING, *SELECTING, "data.packing", "data.document_mask")
    return any(is_mixture(key) or key in drawing for key in change)


def flatten(nested: dict[str, Any]) -> Change:
    """Turn nested tables into dotted keys; what is given by domain stays one value, since it belongs together."""
    flat: Change = {}
    for key, value in nested.items():
        if isinstance(value, dict) and not is_by_domain(key):
            inner = flatten(cast(dict[str, Any], value))
            flat.update({f"{key}.{name}": leaf for name, leaf in inner.items()})
        else:
            flat[key] = value
    return flat


def changed(recipe: Recipe, change: Change, where: str | Path = "the change") -> Recipe:
    """The recipe with dotted keys replaced, for example `{"optimiser.name": "muon"}`.

    Args:
        where: what changes it, or the TOML file that says so.

    Raises:
        UserError: a key that recipes do not have, or a value that does not fit.
    """
    data = recipe.model_dump(mode="json")
    known = flatten(data)
    for key, value in change.items():
        if key not in known:
            at = place(where, key) if isinstance(where, Path) else where
            raise UserError(f"{at}: {_unknown(key)}")
        *tables, leaf = key.split(".")
        table = data
        for name in tables:
            table = table[name]
        table[leaf] = value
    try:
        return Recipe.model_validate(data)
    except ValidationError as error:
        raise UserError(explain(error, where)) from None


def check_value(key: str, value: Any, where: str) -> None:
    """Raise `UserError` unless recipes have the dotted key and the value fits it, whatever the other fields are."""
    *tables, leaf = key.split(".")
    model: type[Frozen] | None = Recipe
    for table in tables:
        field = model.model_fields.get(table) if model else None
        kind = field.annotation if field else None
        model = kind if isinstance(kind, type) and issubclass(kind, Frozen) else None
    if model is None or leaf not in model.model_fields:
        raise UserError(f"{where}: {_unknown(key)}")
    try:
        model.model_validate({leaf: value})
    except ValidationError as error:
        raise UserError(explain(error, where, ".".join(tables))) from None


def _unknown(key: str) -> str:
    return f"unknown key '{key}'; `assay recipe show` lists every key of a recipe"


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
