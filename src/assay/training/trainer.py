"""The reference trainer: a run's order in, a trained checkpoint out. Read `train_run` from top to bottom."""

import math
import statistics
import time
from collections import deque
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F

from assay.corpus.loader import Loader
from assay.spec.registry import load
from assay.spec.run import RunOrder, TrainingResult
from assay.spec.scale import Shape, shape_at
from assay.training import checkpoint, environment
from assay.training.average import Average, average_start
from assay.training.divergence import Divergence
from assay.training.metrics import MetricsFile
from assay.training.model import GPT
from assay.training.optimisers.evaluation import evaluation_weights
from assay.training.pause import Pause
from assay.training.schedules.warmup import warmup_steps

STEP_TIMES = 1000  # the median step time is over the last so many


class Position:
    """Where a run is: all that a resumed one needs besides weights and optimiser state, and all that a result says.

    Randomness needs no place here: batches are a function of seed and the loader's state, and nothing else is random.
    """

    def __init__(self, shape: Shape, state: dict[str, Any]) -> None:
        self.shape = shape
        self.step: int = state.get("step", 0)
        self.loader: dict[str, Any] | None = state.get("loader")
        self.seconds: float = state.get("seconds", 0.0)
        self.half_loss: float | None = state.get("half_loss")
        self.smoothed_loss: float | None = state.get("smoothed_loss")
        self.peak_memory_mb: float = state.get("peak_memory_mb", 0.0)
        self.losses = deque[float](state.get("losses", ()), maxlen=max(1, shape.steps // 10))
        self.step_seconds = deque[float](state.get("step_seconds", ()), maxlen=STEP_TIMES)

    def mean_loss(self) -> float:
        """Mean training loss of the last tenth of the run (of what there is of it, early on)."""
        return math.fsum(self.losses) / len(self.losses)

    def advance(self, loss: float, seconds: float, loader: dict[str, Any]) -> None:
        """Count a finished step."""
        self.step += 1
        self.loader = loader
        self.losses.append(loss)
        self.step_seconds.append(seconds)
        if self.step == max(1, self.shape.steps // 2):
            self.half_loss = self.mean_loss()

    def state(self) -> dict[str, Any]:
        """Plain data for `state.json`; floats survive JSON to the last bit."""
        return {
            "step": self.step,
            "loader": self.loader,
            "seconds": self.seconds,
            "half_loss": self.half_loss,
            "smoothed_loss": self.smoothed_loss,
            "peak_memory_mb": max(self.peak_memory_mb, environment.peak_memory_mb()),
            "losses": list(self.losses),
            "step_seconds": list(self.step_seconds),
        }

    def result(self, status: str) -> TrainingResult:
        loss = self.mean_loss() if self.losses else None
        return TrainingResult.parse(
            {
                "status": status,
                "steps": self.step,
                "tokens": self.step * self.shape.tokens_per_step,
                "flops": self.step * self.shape.flops_per_step,
                "loss": loss if loss is not None and math.isfinite(loss) else None,
                "half_loss": self.half_loss,
                "seconds": self.seconds,
                "step_ms": 1e3 * statistics.median(self.step_seconds) if self.step_seconds else 0.0,
                "peak_memory_mb": max(self.peak_memory_mb, environment.peak_memory_mb()),
                "parameters": self.shape.parameters,
                "environment": environment.describe(),
            },
            "result.json",
        )


def optimiser_tensors(optimisers: tuple[torch.optim.Optimizer, ...]) -> dict[str, torch.Tensor]:
    """State of the optimisers as named tensors: "optimiser.parameter.key"."""
    return {
        f"{i}.{number}.{key}": tensor
        for i, optimiser in enumerate(optimisers)
        for number, state in optimiser.state_dict()["state"].items()
        for key, tensor in state.items()
    }


def restore_optimisers(optimisers: tuple[torch.optim.Optimizer, ...], tensors: dict[str, torch.Tensor]) -> None:
    """The inverse of `optimiser_tensors`."""
    states: list[dict[int, dict[str, torch.Tensor]]] = [{} for _ in optimisers]
    for name, tensor in tensors.items():
        i, number, key = name.split(".", 2)
        states[int(i)].setdefault(int(number), {})[key] = tensor
    for optimiser, state in zip(optimisers, states, strict=True):
        optimiser.load_state_dict({"state": state, "param_groups": optimiser.state_dict()["param_groups"]})


def clip(gradients: list[torch.Tensor], limit: float) -> float:
    """Scale gradients so that their joint norm is at most `limit` (0: leave them); the norm before (Pascanu 2013)."""
    norm = torch.stack([torch.linalg.vector_norm(gradient) for gradient in gradients]).norm().item()
    if 0 < limit < norm:
        for gradient in gradients:
            gradient.mul_(limit / norm)
    return norm


def train_run(order: RunOrder, folder: Path, pause: Pause) -> TrainingResult:
    """Train, from the newest checkpoint in `folder` on, until the end, a pause or divergence.

    Raises:
        UserError: the recipe, the corpus or the disk stands in the way.
    """
    environment.prepare()
    recipe = order.run.recipe
    shape = shape_at(recipe, order.run.scale, order.vocab)
    seed = order.run.drawn
    model = GPT(shape, recipe.model, seed.init)
    parameters = list(model.parameters())
    optimisers: tuple[torch.optim.Optimizer, ...] = load("optimiser", recipe.optimiser.name)(
        model, recipe.optimiser, shape.transfer
    )
    schedule = load("schedule", recipe.schedule.name)

    checkpoints = folder / "checkpoint"
    found = checkpoint.newest(checkpoints)
    position = Position(shape, found.state if found else {})
    if found:
        model.load_state_dict(found.tensors(checkpoint.WEIGHTS))
        if position.step < shape.steps:
            restore_optimisers(optimisers, found.tensors(checkpoint.OPTIMISER))
        print(f"resumed at step {position.step} of {shape.steps}", flush=True)
    loader = Loader(Path(order.corpus_dir), recipe.data, shape, seed.data, position.loader)
    averaged_from = average_start(shape.steps, recipe.schedule)
    averaged = max(0, position.step - averaged_from)
    mean = found.tensors(checkpoint.AVERAGE) if found and averaged and position.step < shape.steps else None
    average = Average(dict(model.state_dict()), averaged if mean else 0, mean)
    divergence = Divergence(shape.vocab, warmup_steps(shape.steps, recipe.schedule), position.smoothed_loss)
    stop = shape.steps if order.stop_at_step is None else min(order.stop_at_step, shape.steps)
    groups = [(group, group["lr"]) for optimiser in optimisers for group in optimiser.param_groups]

    def save() -> None:
        metrics.flush(durably=True)
        finished = position.step == shape.steps
        if finished:
            judged = average.tensors() if average.count else evaluation_weights(model, optimisers)
            tensors = {checkpoint.WEIGHTS: judged}
        else:
            tensors = {checkpoint.WEIGHTS: dict(model.state_dict())}
            tensors[checkpoint.OPTIMISER] = optimiser_tensors(optimisers)
            if average.count:
                tensors[checkpoint.AVERAGE] = average.tensors()
        checkpoint.save(checkpoints, position.state(), tensors)

    with MetricsFile(folder / "metrics.jsonl", after_step=position.step) as metrics:
        # Steps that a killed attempt did after its last checkpoint are done again, but their time was spent.
        position.seconds = max(position.seconds, metrics.last_seconds)
        clock = saved = time.perf_counter()
        saved_step = position.step
        while position.step < stop and not pause.requested:
            factor = schedule(position.step, shape.steps, recipe.schedule)
            for group, peak in groups:
                group["lr"] = peak * factor
            batch = loader.next()
            tokens, targets = torch.from_numpy(batch.tokens), torch.from_numpy(batch.targets)
            mean_loss = F.cross_entropy(model(tokens).flatten(0, 1), targets.flatten())
            mean_loss.backward()
            gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
            norm = clip(gradients, recipe.optimiser.grad_clip)
            for optimiser in optimisers:
                optimiser.step()
                optimiser.zero_grad()
            if position.step >= averaged_from:
                average.add()

            now = time.perf_counter()
            seconds, clock = now - clock, now
            position.seconds += seconds
            loss = mean_loss.item()
            position.advance(loss, seconds, batch.state)
            diverged = divergence.seen(position.step, loss, norm)
            position.smoothed_loss = divergence.smoothed
            metrics.append(
                {
                    "step": position.step,
                    "tokens": position.step * shape.tokens_per_step,
                    "loss": loss if math.isfinite(loss) else None,
                    "lr": recipe.optimiser.lr * factor,
                    "grad_norm": norm if math.isfinite(norm) else None,
                    "tokens_per_second": round(shape.tokens_per_step / seconds, 1),
                    "seconds": round(position.seconds, 4),
                }
            )
            if diverged:
                print(f"diverged: {diverged}", flush=True)
                return position.result("diverged")
            if now - saved >= order.checkpoint_seconds and position.step < stop:
                save()
                saved, saved_step = time.perf_counter(), position.step
                position.seconds += saved - clock
                clock = saved
        # The last update has no next step whose loss would show what it broke.
        if position.step == shape.steps and not all(bool(weight.isfinite().all()) for weight in parameters):
            print("diverged: weights are not finite after the last step", flush=True)
            return position.result("diverged")
        if saved_step < position.step or not found:
            save()
    return position.result("finished" if position.step == shape.steps else "paused")
