"""The contracts between packages. Each has one conformance suite under `tests/conformance`."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

from pydantic import Field

from assay.spec.base import Frozen
from assay.spec.data_cost import DataCost, Selected
from assay.spec.external import External
from assay.spec.lab import LabConfig
from assay.spec.proposal import Proposal, Registered
from assay.spec.recipe import Recipe
from assay.spec.run import Outcome, RunOrder
from assay.spec.verdict import Generation, Verdict


class Trial(Frozen):
    """A proposal of the past and what became of it (None: still under test)."""

    registered: Registered
    recipe: Recipe = Field(description="the candidate")
    verdict: Verdict | None = None
    data_cost: DataCost | None = Field(default=None, description="of the training text that the candidate selects")


class View(Frozen):
    """What a researcher may know: everything that the store holds, except what judges it.

    No run seeds, no held-out text. The same view gives the same proposals.
    """

    config: LabConfig
    champion: Recipe
    generation: int
    trials: tuple[Trial, ...] = Field(default=(), description="in order of registration")
    generations: tuple[Generation, ...] = ()
    noise: float | None = Field(default=None, description="deviation of paired differences, per cent")
    champion_score: float | None = Field(default=None, description="mean bits per byte at the smallest scale")
    champion_domains: dict[str, float] = Field(default={}, description="bits per byte by domain at the smallest scale")
    domain_tokens: dict[str, int] = Field(default={}, description="training tokens by domain")
    vocab: int = Field(default=257, gt=0, description="entries of the corpus's vocabulary, for the size of a model")
    external: External | None = Field(default=None, description="the trainer, if it is another program")
    selections: dict[str, Selected] = Field(
        default={}, description="by the fields that select training text, what is known of it"
    )
    flops_spent: float = 0.0
    budget_left: str = Field(default="", description="what may still be spent, in words")
    seed: int = Field(default=0, description="the only source of randomness; differs from call to call")


class Researcher(Protocol):
    """Proposes changes. `propose` is a pure function of the view.

    `name` is what proposals carry as author (`strategy:tpe`, `model:claude-…`). It returns at most `n`
    proposals that `assay.researchers.admissible` accepts, and an empty list when it has nothing to say.
    It raises `ResearcherUnavailable` when it cannot answer at all (no key, no server, budget spent).
    """

    name: str

    def propose(self, view: View, n: int) -> list[Proposal]: ...


class ResearcherUnavailable(RuntimeError):
    """The researcher cannot answer; the message says why and what to do."""


class OutOfMoney(ResearcherUnavailable):
    """Another request might cost more than the researcher may still spend."""


class Progress(Frozen):
    """Where a run is, for people to watch."""

    run_hash: str
    step: int
    steps: int
    loss: float | None = None
    tokens_per_second: float | None = None


class Executor(Protocol):
    """Turns orders into finished runs, anywhere.

    `submit` is idempotent: the same order twice is one run. A paused run keeps its checkpoint and is gone on
    with by submitting it again. `poll` returns outcomes since the last poll, waiting up to `timeout` seconds
    for one. A crashed run is retried once before its outcome is `failed`. `pause` brings the outcome `paused`;
    `cancel` stops a run and forgets it without one. `close` pauses what still runs.
    """

    def submit(self, order: RunOrder, folder: Path) -> None: ...
    def poll(self, timeout: float) -> list[tuple[str, Outcome]]: ...
    def pause(self, run_hash: str) -> None: ...
    def cancel(self, run_hash: str) -> None: ...
    def progress(self) -> Sequence[Progress]: ...
    def close(self) -> None: ...


class Gate(Protocol):
    """A condition that a promotion must pass. Returns the verdict, or a downgraded one with one more reason."""

    name: str

    def judge(self, verdict: Verdict, facts: dict[str, Any]) -> Verdict: ...
