"""What training spends beside its arithmetic: loading, metrics, checkpoints, and time outside steps

Shares are of a step's processor time at the smallest scale of the ladder, where steps are shortest and every share is
largest. Metrics are all of the trainer's signals, every two-hundredth step's look inside the model included; norms of
gradients count with the optimiser, since clipping needs them. A run from the warm parent is timed from its submission
to its result, all that the executor and the fork cost included.
"""

import json
import math
import statistics
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from harness import Options, table

from assay.corpus.build import build_corpus
from assay.corpus.sources import Source
from assay.execution.attempts import read_attempts
from assay.execution.local import LocalExecutor
from assay.spec.lab import DEFAULT_LADDER
from assay.spec.recipe import Recipe
from assay.spec.run import Run, RunOrder, Seed, TrainingResult
from assay.spec.scale import Scale, shape_at
from assay.training import timing
from assay.training.main import train
from assay.training.saver import Saver
from assay.training.state import TrainingState

VOCAB = 257
STEPS = 300
TEN_MILLION = Scale(name="10M", width=320, depth=8, flops=1e18)
LIMITS = {"loader": 0.01, "metrics": 0.02, "stall_ms": 50.0, "outside": 0.03}
RUN_SECONDS = 30.0


def build(folder: Path) -> Path:
    """A small real corpus: a package of the standard library."""
    build_corpus(folder, [Source("code", str(Path(json.__file__).parent.parent / "asyncio"))])
    [manifest] = folder.glob("*/manifest.json")
    return manifest.parent


def order(scale: Scale, steps: float, corpus: Path, seed: int) -> RunOrder:
    """A run of generation 0 for so many steps at a scale."""
    recipe = Recipe()
    scale = scale.model_copy(update={"flops": (steps + 0.5) * shape_at(recipe, scale, VOCAB).flops_per_step})
    run = Run(recipe=recipe, scale=scale, seed=Seed(init=seed, data=seed), corpus=corpus.name, trainer="benchmark")
    return RunOrder(run=run, run_hash=run.hash, corpus_dir=str(corpus), vocab=VOCAB)


def milliseconds(folder: Path) -> dict[str, list[float]]:
    """What each step of a run spent, by phase."""
    rows = [json.loads(line)["ms"] for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return {phase: [row.get(phase, 0.0) for row in rows] for phase in sorted(set().union(*rows))}


def phase_shares(folder: Path, corpus: Path, steps: int, seed: int) -> dict[str, float]:
    """Share of a step's processor time that each phase takes, and the whole step in ms."""
    folder.mkdir()
    (folder / "run.json").write_text(order(DEFAULT_LADDER[0], steps, corpus, seed).model_dump_json())
    timing.time = SimpleNamespace(perf_counter=time.thread_time)  # pyright: ignore[reportAttributeAccessIssue]
    try:
        train(folder / "run.json")
    finally:
        timing.time = time
    spent = {phase: math.fsum(each) for phase, each in milliseconds(folder).items() if phase != "checkpoint"}
    whole = math.fsum(spent.values())
    return {**{phase: each / whole for phase, each in spent.items()}, "step_ms": whole / steps}


def stalls(folder: Path, corpus: Path, repeats: int, scale: Scale) -> tuple[int, list[float]]:
    """Parameters, and milliseconds that each of some checkpoints keeps training waiting, the first one included."""
    state = TrainingState(order(scale, 1e6, corpus, 0), shape_at(Recipe(), scale, VOCAB), found=None)
    for parameter in state.model.parameters():
        parameter.grad = parameter.detach().clone()
    state.update()
    found: list[float] = []
    with Saver(folder, keep=2) as saver:
        saver.prepare(state.tensors())  # as a training of this size does after its first step
        for step in range(1, repeats + 2):
            state.position.step = step
            saver.wait()
            begun = time.perf_counter()
            saver.save(state.facts(0), state.tensors())
            found.append(1e3 * (time.perf_counter() - begun))
    return sum(parameter.numel() for parameter in state.model.parameters()), found


def outside(executor: LocalExecutor, folder: Path, wanted: RunOrder) -> tuple[float, float]:
    """Seconds from a run's submission to its result, and the share of them outside steps."""
    begun = time.time()
    executor.submit(wanted, folder)
    while not (polled := executor.poll(1.0)):
        pass
    [(_, outcome)] = polled
    assert outcome.status == "finished", outcome.message
    [attempt] = [attempt for attempt in read_attempts(folder) if attempt.kind == "train"]
    assert attempt.ended
    whole = attempt.ended - begun
    in_steps = sum(math.fsum(each) for phase, each in milliseconds(folder).items() if phase != "checkpoint") / 1e3
    return whole, 1 - in_steps / whole


def measure(options: Options) -> tuple[dict[str, Any], str]:
    """All of it, medians of `options.repeats`."""
    work = options.work / "overheads"
    work.mkdir(parents=True)
    corpus = build(work / "corpora")
    steps, scale, seconds = (100, DEFAULT_LADDER[0], 2.0) if options.quick else (STEPS, TEN_MILLION, RUN_SECONDS)
    shares = [phase_shares(work / f"phases-{i}", corpus, steps, i) for i in range(options.repeats)]
    middle = {key: statistics.median(share[key] for share in shares) for key in shares[0]}
    parameters, waited = stalls(work / "checkpoints", corpus, options.repeats, scale)

    executor = LocalExecutor(1, {"code": 1.0})
    try:
        outside(executor, work / "warm", order(DEFAULT_LADDER[0], 10, corpus, 99))  # until the parent is warm
        result = TrainingResult.parse(json.loads((work / "phases-0" / "result.json").read_text()), "result.json")
        runs = [
            outside(executor, work / f"run-{i}", order(DEFAULT_LADDER[0], 1e3 * seconds / middle["step_ms"], corpus, i))
            for i in range(options.repeats)
        ]
    finally:
        executor.close()
    beside = statistics.median(share for _, share in runs)
    length = statistics.median(whole for whole, _ in runs)
    stall = statistics.median(waited)
    numbers = {
        "shares": shares, "parameters": parameters, "stall_ms": waited, "runs": runs, "limits": LIMITS,
        "step_ms": middle["step_ms"], "peak": result.environment.get("peak"),
    }  # fmt: skip
    rows = [
        [f"loader, share of a step of {middle['step_ms']:.1f} ms", f"{middle['data']:.2%}", "1%"],
        ["metrics, share of it", f"{middle['signals']:.2%}", "2%"],
        [
            f"checkpoint of {parameters / 1e6:.1f}M parameters with AdamW's moments: training waits",
            f"{stall:.1f} ms (the first one {waited[0]:.1f} ms)", "50 ms",
        ],
        [f"outside steps, share of a run of {length:.0f} s from the warm parent", f"{beside:.2%}", "3%"],
    ]  # fmt: skip
    return numbers, table(["overhead", "median", "at most"], rows)
