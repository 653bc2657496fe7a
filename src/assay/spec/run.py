"""Runs: one training of a recipe at a scale with a seed; and what comes back from one."""

from typing import Any, Literal

from pydantic import Field

from assay.spec.base import Frozen, sha256_text
from assay.spec.external import External
from assay.spec.hardware import Hardware
from assay.spec.recipe import Recipe
from assay.spec.scale import Scale, shape_at


class Seed(Frozen):
    """Two numbers that can be varied apart."""

    init: int = Field(ge=0, lt=2**63, description="initialisation of the weights")
    data: int = Field(ge=0, lt=2**63, description="order of the data")


class Run(Frozen):
    """One training. Its hash is its identity: the same run is never paid for twice."""

    recipe: Recipe
    scale: Scale
    seed: Seed
    repeat: int = Field(default=0, ge=0, description="counts repetitions that measure nondeterminism")
    corpus: str = Field(description="hash of the tokenised corpus, its held-out spans included")
    trainer: str = Field(description="trainer, library versions and device; compared runs never cross them")

    @property
    def drawn(self) -> Seed:
        """The seeds that a trainer draws from: its own, unless the recipe asks for another draw of everything."""
        stream = self.recipe.stream
        if not stream:
            return self.seed
        init, data = (
            int(sha256_text(f"stream {stream}/{name}/{value}")[:15], 16)
            for name, value in (("init", self.seed.init), ("data", self.seed.data))
        )
        return Seed(init=init, data=data)

    def identity(self) -> dict[str, Any]:
        return {
            "recipe": self.recipe.identity(),
            "scale": self.scale.identity(),
            "seed": self.seed.model_dump(),
            "repeat": self.repeat,
            "corpus": self.corpus,
            "trainer": self.trainer,
        }


class RunOrder(Frozen):
    """`run.json`: all that a trainer is told, next to which it writes everything it has to say."""

    run: Run
    run_hash: str
    corpus_dir: str = Field(description="absolute path of the tokenised corpus")
    vocab: int
    stop_at_step: int | None = Field(default=None, description="pause, with a checkpoint, once this step is done")
    checkpoint_seconds: float = Field(default=30.0, description="at most this long between checkpoints")
    checkpoint_keep: int = Field(default=2, ge=1, description="newest checkpoints that are kept while a run goes on")
    milestone_steps: int = Field(
        default=0, ge=0, description="checkpoints at multiples of it are kept for good; 0: none"
    )
    hardware: Hardware = Hardware()
    command: tuple[str, ...] = Field(
        default=(), description="a program that speaks this protocol itself; {run} stands for the path of run.json"
    )
    external: External | None = Field(default=None, description="any other program, with what its trainer.toml says")

    @property
    def steps(self) -> int:
        """Steps of the whole run."""
        run = self.run
        if self.external is not None:
            return self.external.plan(run.recipe, run.scale, self.vocab).steps
        return shape_at(run.recipe, run.scale, self.vocab).steps

    @property
    def self_scored(self) -> bool:
        """Whether the score is the word of the trainer's own evaluation command."""
        return self.external is not None and self.external.trainer.evaluation is not None


class Drawn(Frozen):
    """What a run read of a domain."""

    tokens: int = Field(description="tokens that it learned to predict")
    epochs: float = Field(description="the same, as a multiple of the domain's training tokens")


class TrainingResult(Frozen):
    """`result.json`: how a training ended. `paused` has a checkpoint to go on from."""

    status: Literal["finished", "diverged", "paused"]
    steps: int = Field(description="steps done")
    tokens: int
    flops: float
    loss: float | None = Field(default=None, description="mean training loss of the last tenth, nats a token")
    half_loss: float | None = Field(default=None, description="training loss of the tenth that ends half-way")
    seconds: float = Field(default=0.0, description="time in training over all attempts")
    step_ms: float = Field(default=0.0, description="median step time")
    peak_memory_mb: float = 0.0
    parameters: int = 0
    domains: dict[str, Drawn] = Field(default={}, description="what was read of each domain")
    environment: dict[str, str] = Field(default={})


class Scores(Frozen):
    """`scores.json`: what the evaluation process measured on the held-out spans."""

    bits_per_byte: dict[str, float] = Field(description="per domain, on the same byte spans for every run")
    bytes: dict[str, int]
    checkpoint: str = Field(description="SHA-256 of the weights that were scored")
    seconds: float = 0.0


class Outcome(Frozen):
    """A finished run as the deciding code sees it."""

    status: Literal["finished", "diverged", "failed", "paused"]
    score: float | None = Field(default=None, description="mean bits per byte, fixed weights; None unless finished")
    domains: dict[str, float] = Field(default={})
    flops: float = 0.0
    seconds: float = 0.0
    step_ms: float = 0.0
    memory_mb: float = 0.0
    half_loss: float | None = Field(default=None, description="training loss half-way, nats a token")
    self_reported: tuple[str, ...] = Field(default=(), description="what of this an external trainer said of itself")
    message: str = Field(default="", description="why it failed, with its log's end")


def weighted_score(bits_per_byte: dict[str, float], weights: dict[str, float]) -> float:
    """The number that decides: mean bits per byte with weights fixed when the lab was made."""
    total = sum(weights.values())
    return sum(bits_per_byte[domain] * weight for domain, weight in weights.items()) / total
