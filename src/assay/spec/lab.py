"""`lab.toml`: everything a person decides about a lab."""

from itertools import pairwise
from typing import Literal

from pydantic import Field, field_validator, model_validator

from assay.spec.base import Frozen
from assay.spec.errors import UserError
from assay.spec.hardware import Checkpoints, Hardware
from assay.spec.recipe import Recipe
from assay.spec.registry import names
from assay.spec.scale import Scale
from assay.spec.search import Range, Space, check_space


class Limits(Frozen):
    """What no candidate may exceed at any scale of the ladder."""

    parameters: int = Field(default=50_000_000, gt=0, description="trained numbers, embeddings included")
    memory_mb: float = Field(default=4_000.0, gt=0, description="peak memory of a run")
    step_ms: float = Field(default=2_000.0, gt=0, description="median time of a training step")


class EvidenceSettings(Frozen):
    """How proposals are judged. Changing it later is recorded in the ledger."""

    fdr: float = Field(default=0.05, gt=0, lt=1, description="false discovery rate over the campaign's whole life")
    pairs: int = Field(default=20, ge=3, le=200, description="most seed pairs at one scale")
    confirm_pairs: int = Field(default=20, ge=3, le=200, description="most seed pairs at the confirmation scale")
    screen_pairs: int = Field(
        default=2, ge=2, le=200, description="pairs before a candidate that looks no better is dropped"
    )
    screen_stop: float = Field(default=0.05, gt=0, description="a first run this fraction worse half-way is stopped")
    min_effect: float = Field(default=0.25, gt=0, description="smallest effect worth having, per cent of the score")
    measure_pairs: int = Field(
        default=2, ge=0, le=200, description="pairs at the largest scale, for the compute multiplier"
    )
    remeasure_pairs: int = Field(
        default=2,
        ge=0,
        le=200,
        description="fresh pairs at the confirmation scale, for an honest size of the effect",
    )
    retune_trials: int = Field(
        default=4, ge=0, le=64,
        description="learning rates that the champion may try before an architecture or optimiser replaces it",
    )  # fmt: skip
    placebo_rate: float = Field(
        default=0.05, ge=0, lt=1, description="share of tests that the lab slips in to watch its own error rate"
    )

    @model_validator(mode="after")
    def _screen(self) -> "EvidenceSettings":
        if self.screen_pairs > self.pairs:
            raise ValueError(
                f"'screen_pairs' should be at most 'pairs', but {self.screen_pairs} is more than {self.pairs}"
            )
        return self


class ClaudeSettings(Frozen):
    """The Claude researcher. The key comes from ANTHROPIC_API_KEY and is never stored.

    Prices are those of the default model; `budget_usd` can only be kept if they are right, so naming another
    model without its prices is refused.
    """

    model: str = Field(default="claude-opus-5-5", min_length=1, description="name of the model")
    max_tokens: int = Field(default=16_000, gt=0, description="longest answer, the model's thinking included")
    retries: int = Field(default=4, ge=0, description="retries after overload, rate limits and broken connections")
    backoff_seconds: float = Field(default=1.0, ge=0, description="pause before the first retry; doubles with each")
    timeout_seconds: float = Field(default=120.0, gt=0, description="longest silence while an answer streams")
    deadline_seconds: float = Field(default=600.0, gt=0, description="longest time for one whole answer")
    budget_usd: float = Field(default=5.0, ge=0, description="most the lab ever spends on this researcher")
    usd_per_million_input: float = Field(default=4.0, ge=0, description="price of a million tokens of a request")
    usd_per_million_output: float = Field(default=20.0, ge=0, description="of an answer, thinking included")
    usd_per_million_cache_read: float = Field(default=0.2, ge=0, description="of what was cached before")
    usd_per_million_cache_write: float = Field(default=5.0, ge=0, description="for the cache that lasts five minutes")
    base_url: str = Field(default="", description="another server that speaks the Messages API; empty: Anthropic's")
    fallback: bool = Field(default=False, description="without Claude, go on with the others")

    @model_validator(mode="after")
    def _priced(self) -> "ClaudeSettings":
        prices = [name for name in type(self).model_fields if name.startswith("usd_per_million")]
        missing = [name for name in prices if name not in self.model_fields_set]
        if self.model != type(self).model_fields["model"].default and missing:
            raise ValueError(
                f"for model '{self.model}' give its prices too, so that budget_usd holds: {', '.join(missing)}"
            )
        return self


class ResearcherSettings(Frozen):
    """Who proposes. A person's or agent's proposals (`assay propose`) always come first."""

    use: tuple[str, ...] = Field(default=("known", "tpe"), min_length=1, description="asked in this order")
    claude: ClaudeSettings = ClaudeSettings()

    @field_validator("use")
    @classmethod
    def _names(cls, use: tuple[str, ...]) -> tuple[str, ...]:
        for name in use:
            if name not in names("researcher"):
                raise ValueError(f"no researcher is called '{name}'; known are: {', '.join(names('researcher'))}")
        return use


class ExecutionSettings(Frozen):
    """Where runs happen."""

    executor: str = Field(default="local", description="local: on this machine")
    workers: int = Field(
        default=0, ge=0, description="runs at a time; 0: so many that each of their processes has a core"
    )
    in_flight: int = Field(default=2, ge=1, description="proposals under test at a time")
    trainer: str = Field(
        default="", description="path of a trainer.toml, from the lab's folder on; empty: the built-in trainer"
    )
    command: tuple[str, ...] = Field(
        default=(), description="instead, a program that reads run.json itself; {run} stands for its path"
    )
    hardware: Hardware = Hardware()
    checkpoints: Checkpoints = Checkpoints()

    @model_validator(mode="after")
    def _one_trainer(self) -> "ExecutionSettings":
        if self.trainer and self.command:
            raise ValueError("'trainer' and 'command' cannot go together; remove one of the two")
        if self.trainer and self.hardware != Hardware():
            raise ValueError(
                "'trainer' and 'hardware' cannot go together: such a trainer is told its device by its trainer.toml; "
                "remove one of the two"
            )
        return self

    @field_validator("executor")
    @classmethod
    def _name(cls, value: str) -> str:
        if value not in names("executor"):
            raise ValueError(f"no executor is called '{value}'; known are: {', '.join(names('executor'))}")
        return value


class Costs(Frozen):
    """What compute costs, so that money can be a budget."""

    usd_per_core_hour: float = Field(default=0.0, ge=0, description="price of one core for an hour")


class CorpusSettings(Frozen):
    """The corpus, as `assay init` or `assay corpus tokenize` built it. Once something was trained on it, it stays."""

    id: str = Field(description="content hash of the tokenised corpus in corpora/")
    score_weights: dict[str, float] = Field(min_length=1, description="weight of each domain in the deciding score")

    @field_validator("score_weights")
    @classmethod
    def _weights(cls, weights: dict[str, float]) -> dict[str, float]:
        if min(weights.values()) < 0 or sum(weights.values()) <= 0:
            raise ValueError("weights are zero or more, and at least one is positive")
        return weights


class LicencePolicy(Frozen):
    """Which licences training text may have. `*` stands for anything: `CC-BY-NC-*`."""

    allow: tuple[str, ...] = Field(default=(), description="SPDX names; empty: all that are not denied")
    deny: tuple[str, ...] = Field(default=(), description="SPDX names; they count before those allowed")
    unknown: Literal["allow", "deny"] = Field(default="allow", description="text whose licence is missing or not known")

    @field_validator("allow", "deny")
    @classmethod
    def _names(cls, found: tuple[str, ...]) -> tuple[str, ...]:
        if any(not name.strip() for name in found):
            raise ValueError("a licence is named by a text that is not empty")
        return found


DEFAULT_LADDER = (
    Scale(name="small", width=64, depth=2, flops=2e11),
    Scale(name="medium", width=64, depth=4, flops=5e11),
    Scale(name="large", width=128, depth=2, flops=1.25e12),
)

_BETA1, _BETA2 = (0.8, 0.9, 0.95), (0.9, 0.95, 0.98, 0.99, 0.995)
_EPS = (1e-12, 1e-10, 1e-8, 1e-6)


def _group(name: str, decay_ratio: tuple[float, ...]) -> Space:
    """How far a group of parameters may depart from the optimiser's constants."""
    return {
        f"optimiser.{name}.lr_ratio": Range(low=0.1, high=10.0, log=True),
        f"optimiser.{name}.decay_ratio": decay_ratio,
        f"optimiser.{name}.beta1": _BETA1,
        f"optimiser.{name}.beta2": _BETA2,
        f"optimiser.{name}.eps": _EPS,
    }


#: Everything that recipes have, but the random stream, the base sizes of muP, which follow from a tuned recipe, limits
#: for single domains, which take a person who knows them, and the classifier of quality, which somebody has to make.
DEFAULT_SEARCH: Space = {
    "optimiser.name": ("adamw", "muon", "soap", "schedule_free"),
    "optimiser.lr": Range(low=1e-4, high=2e-2, log=True),
    "optimiser.muon_lr": Range(low=2e-3, high=1e-1, log=True),
    "optimiser.muon_momentum": (0.85, 0.9, 0.95, 0.98),
    "optimiser.soap_lr": Range(low=3e-4, high=3e-2, log=True),
    "optimiser.soap_beta": (0.9, 0.95, 0.98),
    "optimiser.soap_every": (2, 5, 10, 20, 50),
    "optimiser.beta1": _BETA1,
    "optimiser.beta2": _BETA2,
    "optimiser.eps": _EPS,
    "optimiser.weight_decay": (0.0, 0.01, 0.03, 0.1, 0.2),
    "optimiser.cautious_decay": (False, True),
    "optimiser.grad_clip": (0.0, 0.5, 1.0),
    "optimiser.z_loss": (0.0, 1e-5, 1e-4, 1e-3),
    **_group("embedding", (0.0, 0.3, 1.0, 3.0)),
    **_group("head", (0.0, 0.3, 1.0, 3.0)),
    **_group("vectors", (0.0, 0.3, 1.0)),
    "schedule.name": ("cosine", "linear", "wsd", "sqrt", "constant"),
    "schedule.warmup": (0.01, 0.02, 0.05, 0.1),
    "schedule.decay": (0.1, 0.2, 0.4, 0.6),
    "schedule.final": (0.0, 0.05, 0.1),
    "schedule.average": (0.0, 0.05, 0.1, 0.2),
    "model.position": ("learned", "rope", "none"),
    "model.rope_base": (100.0, 1_000.0, 10_000.0, 100_000.0),
    "model.nope_every": (0, 2, 4),
    "model.norm": ("layernorm", "rmsnorm", "rmsnorm_plain"),
    "model.norm_place": ("pre", "post", "output", "sandwich"),
    "model.qk_norm": (False, True),
    "model.window": (0, 16, 32, 64, 128),
    "model.full_every": (2, 3, 4),
    "model.value_embeddings": (False, True),
    "model.value_residual": (False, True),
    "model.x0_residual": (False, True),
    "model.logit_softcap": (0.0, 15.0, 30.0),
    "model.mlp": ("gelu", "relu2", "swiglu"),
    "model.mlp_ratio": (2.0, 2.75, 3.0, 4.0),
    "model.bias": (False, True),
    "model.experts": (0, 2, 4, 8),
    "model.experts_per_token": (1, 2, 4),
    "model.shared_expert": (False, True),
    "model.expert_bias_rate": (0.0, 1e-4, 1e-3, 1e-2),
    "model.head_dim": (16, 32),
    "model.query_heads_per_kv": (1, 2),
    "model.width_ratio": (0.5, 1.0, 1.5),
    "model.depth_ratio": (0.5, 1.0, 1.5, 2.0),
    "model.tied_embeddings": (False, True),
    "model.init": ("gpt2", "fan_in", "zero_residual"),
    "model.init_ratio": (0.5, 1.0, 2.0),
    "data.context": (32, 64, 128, 256),
    "data.batch": (2, 4, 6, 12, 24),
    "data.batch_warmup": (0.0, 0.1, 0.2, 0.4),
    "data.packing": ("stream", "best_fit"),
    "data.document_mask": (False, True),
    "data.mixture": Range(low=0.0, high=1.0),
    "data.mixture_rule": ("size", "temperature", "unimax"),
    "data.temperature": (1.5, 2.0, 3.0, 5.0),
    "data.epoch_limit": (0.0, 1.0, 2.0, 4.0, 8.0),
    "data.filters": ("none", "gopher", "c4", "fineweb", "all"),
    "data.filter_limit": (0.01, 0.02, 0.05, 0.1, 0.2),
    "data.dedup": ("exact", "normalised", "minhash", "lines", "paragraphs", "substring"),
    "data.dedup_similarity": (0.5, 0.6, 0.7, 0.8, 0.9),
    "data.quality_share": (0.25, 0.5, 0.75, 1.0),
    "data.opening.share": (0.0, 0.1, 0.2, 0.4),
    "data.opening.mixture": Range(low=0.0, high=1.0),
    "data.closing.share": (0.0, 0.1, 0.2, 0.4),
    "data.closing.mixture": Range(low=0.0, high=1.0),
    "data.reweight": (0.0, 0.5, 1.0, 2.0),
    "transfer": ("constant", "mup"),
}


def check_ladder(ladder: tuple[Scale, ...]) -> None:
    """Raise `UserError` unless the scales rise and have names of their own."""
    if any(a.flops >= b.flops for a, b in pairwise(ladder)):
        raise UserError("'ladder' should rise in flops from one scale to the next")
    if len({scale.name for scale in ladder}) < len(ladder):
        raise UserError("two scales of 'ladder' have the same name")


class LabConfig(Frozen):
    """All of `lab.toml`."""

    name: str = Field(min_length=1, description="what reports call the lab")
    seed: int = Field(default=0, ge=0, lt=2**31, description="decides every seed of the campaign")
    corpus: CorpusSettings
    start: Recipe = Field(default=Recipe(), description="generation 0; the default is nanoGPT's published defaults")
    ladder: tuple[Scale, ...] = Field(default=DEFAULT_LADDER, min_length=2, description="scales, from small to large")
    search: Space = Field(default=DEFAULT_SEARCH, min_length=1, description="what proposals may change, and how far")
    evaluations: tuple[str, ...] = Field(
        default=(),
        description="evaluation files that no training text should hold, as paths from the lab's folder on",
    )
    licences: LicencePolicy = LicencePolicy()
    limits: Limits = Limits()
    evidence: EvidenceSettings = EvidenceSettings()
    researchers: ResearcherSettings = ResearcherSettings()
    execution: ExecutionSettings = ExecutionSettings()
    costs: Costs = Costs()

    @model_validator(mode="after")
    def _ladder(self) -> "LabConfig":
        check_ladder(self.ladder)
        return self

    @model_validator(mode="after")
    def _search(self) -> "LabConfig":
        check_space(self.search, self.start, "[search]")
        return self
