"""One run under way, step by step: what comes before a step's gradients, and what comes after."""

import math
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np

from assay.corpus.loader import Batch, Loader
from assay.corpus.packed import IGNORED
from assay.spec.registry import load
from assay.spec.run import RunOrder, TrainingResult
from assay.spec.scale import shape_at
from assay.training import checkpoint, gradients
from assay.training.devices.team import ALONE, Team
from assay.training.divergence import Divergence
from assay.training.metrics import MetricsFile, NoMetrics
from assay.training.objective import Losses, TokenBatch
from assay.training.saver import Saver
from assay.training.schedules.warmup import warmup_steps
from assay.training.signals import Signals
from assay.training.state import TrainingState
from assay.training.timing import Clock

SLOW_TO_COPY = 1_000_000  # parameters; pages for their checkpoint take tens of milliseconds


class Steps:
    """A run from its newest checkpoint on. A context manager; inside it, for every step:

    `begin` gives the batch and `forward` its losses, somebody leaves gradients in the model's parameters, and `end`
    does the rest: update, signals, metrics and, now and then, a checkpoint. `result` comes last, inside the context.

    Args:
        order: what is trained.
        folder: the run's.
        team: the processes that share the run, each of which has one of these.

    Raises:
        UserError: the recipe, the corpus, the disk or another run's checkpoint stands in the way.
    """

    def __init__(self, order: RunOrder, folder: Path, team: Team = ALONE) -> None:
        self._order, self._team, self.hardware = order, team, order.hardware
        self.recipe = recipe = order.run.recipe
        self.shape = shape = shape_at(recipe, order.run.scale, order.vocab)
        self._found = checkpoint.newest(folder / "checkpoint")
        self.state = TrainingState(order, shape, self._found, team)
        self._position = self.state.position
        if self._found and team.rank == 0:
            print(f"resumed at step {self._position.step} of {shape.steps}", flush=True)
        data = order.run.drawn.data
        self._loader = Loader(
            Path(order.corpus_dir), recipe.data, shape, data, self.state.loader, team.rank, team.world
        )
        self._schedule = load("schedule", recipe.schedule.name)
        warmup = warmup_steps(shape.steps, recipe.schedule)
        self._divergence = Divergence(shape.vocab, warmup, self._position.smoothed_loss)
        self._signals = Signals(self.state, self._loader.domains, order.hardware)
        self._stop = shape.steps if order.stop_at_step is None else min(order.stop_at_step, shape.steps)
        self._diverged = ""
        kept = self._found.state["metrics_bytes"] if self._found else 0
        self._metrics = NoMetrics() if team.rank else MetricsFile(folder / "metrics.jsonl", kept)
        writers = team if self.state.sharding else ALONE
        self._saver = Saver(folder / "checkpoint", order.checkpoint_keep, order.milestone_steps, self._found, writers)
        # Steps that a killed attempt did after its last checkpoint are done again, but their time was spent.
        self._position.seconds = max(self._position.seconds, self._metrics.last_seconds)
        self._saved_step, self._saved_at = self._position.step, self._position.seconds
        self._first_step = self._position.step + 1  # of this process
        self.clock = Clock()

    @property
    def left(self) -> bool:
        """Whether there is another step to do."""
        return self._position.step < self._stop and not self._diverged

    def begin(self) -> TokenBatch:
        """Set the step's learning rates and draw its batch."""
        self.clock.lap("signals")
        self._batch: Batch = self._loader.next()
        self._tokens = TokenBatch.of(self._batch, self.state.device)
        self.state.set_learning_rates(self._schedule(self._position.step, self.shape.steps, self.recipe.schedule))
        self.clock.lap("data")
        return self._tokens

    def forward(self, batch: TokenBatch) -> Losses:
        """The batch's losses. The mean over all processes of the gradients of `total` is that of the whole batch."""
        losses = Losses(*self.state.forward(*batch))
        if self._team.world == 1:
            return losses
        targets = np.count_nonzero(self._batch.targets != IGNORED)
        return Losses(losses.total * (self._team.world * targets / self._loader.batch_tokens), losses.nats_BT)

    def end(self, losses: Losses) -> None:
        """Clip, update, look and count, once the parameters have the gradient of `losses`; save when it is time."""
        state, position, clock = self.state, self._position, self.clock
        norms = state.whole_norms(gradients.norms(state.gradients()))
        norm = norms.norm()
        gradients.clip(state.gradients(), norm, self.recipe.optimiser.grad_clip)
        state.update()
        clock.lap("optimiser")
        look, inside = self._signals.look(losses, norms, norm, self._batch), self._signals.inside(self._tokens)
        clock.lap("signals")

        phases = clock.step()
        seconds = math.fsum(phases.values()) - phases.get("checkpoint", 0.0)  # which is counted already
        state.loader = self._loader.observe(self._signals.by_domain(look) if self.recipe.data.reweight else {})
        position.advance(look.loss, self._loader.batch_tokens, seconds)
        self._diverged = self._divergence.seen(position.step, look.loss, look.grad_norm) or ""
        position.smoothed_loss = self._divergence.smoothed
        self._signals.note(look, inside, self._loader.batch_tokens, phases)
        if self._signals.due:
            self._tell()
        # Clocks differ; the first process's counts.
        due = position.seconds - self._saved_at >= self._order.checkpoint_seconds
        due = self._team.any(due and self._team.rank == 0)
        if (due or self._saver.milestone(position.step)) and self.left:
            self._save()
        elif position.step == self._first_step and self.left and self._slow_to_copy:
            self._saver.prepare(state.tensors())

    def result(self) -> TrainingResult:
        """How the run ended, or where it was paused: then its checkpoint is saved first."""
        position = self._position
        self._tell()
        # The last update has no next step whose loss would show what it broke.
        if position.finished and not self._diverged and not self.state.finite():
            self._diverged = "weights are not finite after the last step"
        if self._diverged and self._team.rank == 0:
            print(f"diverged: {self._diverged}", flush=True)
        if self._diverged:
            return position.result("diverged", self._loader.counts())
        if self._saved_step < position.step or not self._found:
            self._save()
        return position.result("finished" if position.finished else "paused", self._loader.counts())

    @property
    def _slow_to_copy(self) -> bool:
        """Whether the first checkpoint would keep training waiting for memory."""
        return self._team.world == 1 and self.shape.parameters >= SLOW_TO_COPY

    def _tell(self) -> None:
        for row in self._signals.rows():
            self._metrics.append(row)

    def _save(self) -> None:
        self._tell()
        self.clock.lap("signals")
        facts, tensors = self.state.facts(self._metrics.flush()), self.state.tensors()
        if self._team.rank == 0 or self.state.sharding:
            self._saver.save(facts, tensors, last=self._position.finished, first=self._metrics.sync)
        self._position.seconds += self.clock.lap("checkpoint")
        self._saved_step, self._saved_at = self._position.step, self._position.seconds

    def __enter__(self) -> Self:
        self._metrics.__enter__()
        self._saver.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._saver.__exit__(kind, error, trace)
        finally:
            self._metrics.__exit__(kind, error, trace)
