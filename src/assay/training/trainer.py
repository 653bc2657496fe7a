"""The reference trainer: a run's order in, a trained checkpoint out. Read `train_run` from top to bottom."""

import math
from pathlib import Path

from assay.corpus.loader import Loader
from assay.spec.registry import load
from assay.spec.run import RunOrder, TrainingResult
from assay.spec.scale import shape_at
from assay.training import checkpoint, environment, gradients
from assay.training.divergence import Divergence
from assay.training.metrics import MetricsFile
from assay.training.objective import TokenBatch, objective
from assay.training.pause import Pause
from assay.training.saver import Saver
from assay.training.schedules.warmup import warmup_steps
from assay.training.signals import Signals
from assay.training.state import TrainingState
from assay.training.timing import Clock


def train_run(order: RunOrder, folder: Path, pause: Pause) -> TrainingResult:
    """Train, from the newest checkpoint in `folder` on, until the end, a pause or divergence.

    Raises:
        UserError: the recipe, the corpus, the disk or another run's checkpoint stands in the way.
    """
    environment.prepare()
    recipe = order.run.recipe
    shape = shape_at(recipe, order.run.scale, order.vocab)
    found = checkpoint.newest(folder / "checkpoint")
    state = TrainingState(order, shape, found)
    position = state.position
    if found:
        print(f"resumed at step {position.step} of {shape.steps}", flush=True)
    loader = Loader(Path(order.corpus_dir), recipe.data, shape, order.run.drawn.data, state.loader)
    schedule = load("schedule", recipe.schedule.name)
    divergence = Divergence(shape.vocab, warmup_steps(shape.steps, recipe.schedule), position.smoothed_loss)
    signals = Signals(state, loader.domains)
    stop = shape.steps if order.stop_at_step is None else min(order.stop_at_step, shape.steps)

    with (
        MetricsFile(folder / "metrics.jsonl", found.state["metrics_bytes"] if found else 0) as metrics,
        Saver(folder / "checkpoint", order.checkpoint_keep, order.milestone_steps, found) as saver,
    ):
        # Steps that a killed attempt did after its last checkpoint are done again, but their time was spent.
        position.seconds = max(position.seconds, metrics.last_seconds)
        clock, saved_step, saved_at = Clock(), position.step, position.seconds

        def save() -> None:
            nonlocal saved_step, saved_at
            clock.lap("signals")
            saver.save(state.facts(metrics.flush()), state.tensors(), last=position.finished, first=metrics.sync)
            position.seconds += clock.lap("checkpoint")
            saved_step, saved_at = position.step, position.seconds

        while position.step < stop and not pause.requested:
            clock.lap("signals")
            batch = loader.next()
            tokens = TokenBatch.of(batch)
            state.set_learning_rates(schedule(position.step, shape.steps, recipe.schedule))
            clock.lap("data")
            losses = objective(state.model, tokens, recipe)
            clock.lap("forward")
            losses.total.backward()
            clock.lap("backward")
            norms = gradients.norms(state.gradients())
            gradients.clip(state.gradients(), norms.norm(), recipe.optimiser.grad_clip)
            state.update()
            clock.lap("optimiser")
            look, inside = signals.look(losses, norms, batch), signals.inside(tokens)
            clock.lap("signals")

            phases = clock.step()
            seconds = math.fsum(phases.values()) - phases.get("checkpoint", 0.0)  # which is counted already
            state.loader = loader.observe(look.losses)
            position.advance(look.loss, loader.batch_tokens, seconds)
            diverged = divergence.seen(position.step, look.loss, look.grad_norm)
            position.smoothed_loss = divergence.smoothed
            metrics.append(signals.row(look, inside, loader.batch_tokens, phases))
            if diverged:
                print(f"diverged: {diverged}", flush=True)
                return position.result("diverged", loader.counts())
            due = position.seconds - saved_at >= order.checkpoint_seconds
            if (due or saver.milestone(position.step)) and position.step < stop:
                save()
        # The last update has no next step whose loss would show what it broke.
        if position.finished and not state.finite():
            print("diverged: weights are not finite after the last step", flush=True)
            return position.result("diverged", loader.counts())
        if saved_step < position.step or not found:
            save()
    return position.result("finished" if position.finished else "paused", loader.counts())
