"""Tokens per CPU-second against nanoGPT, on one thread, fp32, at T=256 and 4,096 tokens a step

A speed counts only where both sides do the same arithmetic: from the same weights and batches, with the same AdamW,
their losses have to agree within 1e-5 for 20 steps. The peak is what the matrix product of two 2048 × 2048 matrices
reaches, measured in the same turns; the share of it counts the FLOPs that `assay.spec.scale` counts for a step.
"""

from collections.abc import Callable
from typing import Any

import torch
from harness import Options, cpu_seconds, in_turn, medians, table
from peers import nanogpt

from assay.spec.recipe import Recipe, changed
from assay.spec.run import Run, RunOrder, Seed
from assay.spec.scale import Scale, shape_at
from assay.training import gradients
from assay.training.environment import prepare
from assay.training.objective import TokenBatch, objective
from assay.training.state import TrainingState

CONTEXT, BATCH, VOCAB = 256, 16, 256
GRID = ((128, 4), (192, 6), (320, 8))
HEAD_DIM = 32
AGREE_STEPS, TOLERANCE = 20, 1e-5
STEPS = 2  # of one measurement: short turns, so that all sides see the same load of the machine
PEAK_SIZE = 2048
SETTINGS = nanogpt.Settings()

GPT2 = changed(Recipe(), {"data.context": CONTEXT, "data.batch": BATCH})
MODERN = changed(GPT2, {"model.position": "rope", "model.qk_norm": True, "model.mlp": "relu2", "model.norm": "rmsnorm"})

Step = Callable[[torch.Tensor, torch.Tensor], float]


def batches(count: int) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """Random tokens: speed does not depend on them, and a loss near ln V agrees no more easily than another."""
    generator = torch.Generator().manual_seed(0)
    windows = torch.randint(VOCAB, (count, BATCH, CONTEXT + 1), generator=generator)
    return [(window[:, :-1].contiguous(), window[:, 1:].contiguous()) for window in windows]


def peer_step(model: torch.nn.Module) -> Step:
    """A step of nanoGPT at its peak rate."""
    optimizer = nanogpt.optimiser(model, SETTINGS)
    return lambda x, y: nanogpt.train_step(model, optimizer, x, y, SETTINGS.learning_rate, SETTINGS)


def assay_state(recipe: Recipe, width: int, depth: int) -> TrainingState:
    """The trainer's state at the beginning of a run, at the peak learning rate."""
    scale = Scale(name=f"{width}x{depth}", width=width, depth=depth, flops=1e18)
    run = Run(recipe=recipe, scale=scale, seed=Seed(init=0, data=0), corpus="random tokens", trainer="benchmark")
    order = RunOrder(run=run, run_hash=run.hash, corpus_dir="", vocab=VOCAB)
    return TrainingState(order, shape_at(recipe, scale, VOCAB), found=None)


def assay_step(state: TrainingState) -> Step:
    """A step of assay, of the trainer's own parts (`assay.training.trainer.train_run` without its records)."""
    recipe = state.run.recipe

    def step(x: torch.Tensor, y: torch.Tensor) -> float:
        losses = objective(state.model, TokenBatch(x, y), recipe)
        losses.total.backward()
        norms = gradients.norms(state.gradients())
        gradients.clip(state.gradients(), norms.norm(), recipe.optimiser.grad_clip)
        state.update()
        return losses.total.item()

    return step


def peak() -> float:
    """FLOPs per CPU-second of a large matrix product."""
    a, b = torch.randn(PEAK_SIZE, PEAK_SIZE), torch.randn(PEAK_SIZE, PEAK_SIZE)
    return 2 * PEAK_SIZE**3 / cpu_seconds(lambda: a @ b)


def disagreement(peer: nanogpt.Nanogpt, width: int, depth: int, steps: int = AGREE_STEPS) -> float:
    """Largest difference between the losses of both sides, in nats a token, from the same weights and batches."""
    torch.manual_seed(0)
    theirs = peer.model(width, depth, width // HEAD_DIM, CONTEXT, VOCAB, SETTINGS)
    ours = assay_state(GPT2, width, depth)
    ours.model.load_state_dict(nanogpt.weights_for_assay(theirs.state_dict()))
    one, other = peer_step(theirs), assay_step(ours)
    return max(abs(one(x, y) - other(x, y)) for x, y in batches(steps))


def measure(options: Options) -> tuple[dict[str, Any], str]:
    """The section: agreement, then tokens per CPU-second of nanoGPT, of the same model here, and of a modern one."""
    prepare()
    peer = options.nanogpt()
    grid, steps = (GRID[:1], 1) if options.quick else (GRID, STEPS)
    found: list[dict[str, Any]] = []
    for width, depth in grid:
        if options.sizes and str(width) not in options.sizes:
            continue
        sides = {
            "nanogpt": peer_step(peer.model(width, depth, width // HEAD_DIM, CONTEXT, VOCAB, SETTINGS)),
            "gpt2": assay_step(assay_state(GPT2, width, depth)),
            "modern": assay_step(assay_state(MODERN, width, depth)),
        }
        data = batches(steps)
        shape = shape_at(GPT2, Scale(name="shape", width=width, depth=depth, flops=1e18), VOCAB)

        def tokens_per_second(step: Step, data: list[tuple[torch.Tensor, torch.Tensor]] = data) -> float:
            seconds = cpu_seconds(lambda: [step(x, y) for x, y in data])
            return len(data) * CONTEXT * BATCH / seconds

        for step in sides.values():
            step(*data[0])  # not measured cold
        speeds = in_turn(
            {"peak": peak, **{name: lambda step=step: tokens_per_second(step) for name, step in sides.items()}},
            options.repeats,
        )
        found.append(
            {
                "width": width, "depth": depth, "tokens_per_cpu_second": speeds, "median": medians(speeds),
                "flops_per_token": shape.flops_per_step / shape.tokens_per_step,
                "disagreement": disagreement(peer, width, depth, 2 if options.quick else AGREE_STEPS),
            }
        )  # fmt: skip
    lines = [
        [
            f"{row['width']} × {row['depth']}", f"{row['disagreement']:.1e}", f"{row['median']['nanogpt']:,.0f}",
            *(f"{row['median'][side]:,.0f} ({row['median'][side] / row['median']['nanogpt']:.2f}×)"
              for side in ("gpt2", "modern")),
            f"{row['median']['peak'] / 1e9:.0f}",
            *(f"{row['median'][side] * row['flops_per_token'] / row['median']['peak']:.0%}"
              for side in ("nanogpt", "gpt2")),
        ]
        for row in found
    ]  # fmt: skip
    head = [
        "width × layers",
        "largest difference of losses",
        "nanoGPT (tokens per CPU-second)",
        "assay, GPT-2",
        "modern",
        "peak (GFLOP/s)",
        "share of it: nanoGPT",
        "assay, GPT-2",
    ]
    return {"models": found, "peer": peer.commit}, table(head, lines)
