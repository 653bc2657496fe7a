"""One GPU: share of its peak at 124M parameters, and packed runs of 1M parameters against one by one

GPT-2 small (12 layers of width 768, vocabulary 50,304, T=1024) in bf16, compiled, with the trainer's own steps and all
of its signals; model FLOPs as `spec.scale` counts them, which PyTorch's counter agrees with, over the maker's figure
for bf16 without sparsity. Then runs of 1M parameters, 16 in a process against one in a process, in wall time, with the
start of a run from a warm process counted in.
"""

import json
import statistics
import time
from pathlib import Path
from typing import Any

import numpy as np
from harness import Missing, Options, in_turn, medians, table

from assay.spec.hardware import Hardware
from assay.spec.recipe import Recipe, changed
from assay.spec.run import Run, RunOrder, Seed
from assay.spec.scale import Scale, shape_at
from assay.training.peak import peak_flops

VOCAB, CONTEXT, BATCH = 50_304, 1024, 32  # the vocabulary rounded up to a multiple of 64, as nanoGPT does
GPT2_SMALL = Scale(name="gpt2-small", width=768, depth=12, flops=1e20)
GPT2 = changed(Recipe(), {"model.head_dim": 64, "data.context": CONTEXT, "data.batch": BATCH, "model.bias": True})
WARM, STEPS = 20, 60  # steps before the clock, which compile; steps on it
MILLION = Scale(name="1M", width=128, depth=5, flops=1e20)
PACK, RUNS, RUN_STEPS = 16, 16, 300
LIMITS = {"mfu": 0.45, "packed": 8.0}


def write_corpus(folder: Path, vocab: int, tokens: int) -> Path:
    """Random tokens as a corpus: speed does not depend on them, and nothing needs to be fetched."""
    (folder / "train").mkdir(parents=True)
    drawn = np.random.default_rng(0).integers(vocab - 1, size=tokens, dtype=np.uint16)
    drawn.tofile(folder / "train" / "noise-00000.bin")
    train = {"documents": 1, "bytes": tokens, "tokens": tokens, "shards": ["train/noise-00000.bin"]}
    manifest = {
        "id": "noise", "tokenizer": "noise", "vocab": vocab, "end_of_text": vocab - 1, "dropped_duplicates": 0,
        "span_bytes": 4096, "domains": {"noise": {"train": train, "heldout": {"documents": 0, "bytes": 0}}},
    }  # fmt: skip
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return folder


def write_order(
    folder: Path, corpus: Path, recipe: Recipe, scale: Scale, vocab: int, hardware: Hardware, steps: int, seed: int = 0
) -> tuple[Path, RunOrder]:
    """A run's folder, with its order."""
    run = Run(recipe=recipe, scale=scale, seed=Seed(init=seed, data=seed), corpus=corpus.name, trainer="benchmark")
    order = RunOrder(
        run=run, run_hash=run.hash, corpus_dir=str(corpus), vocab=vocab, stop_at_step=steps, hardware=hardware,
        checkpoint_seconds=1e6,
    )  # fmt: skip
    folder.mkdir(parents=True)
    (folder / "run.json").write_text(order.model_dump_json())
    return folder, order


def utilisation(
    folder: Path, corpus: Path, hardware: Hardware, scale: Scale, recipe: Recipe, vocab: int
) -> list[float]:
    """MFU of each step on the clock, from the run's own metrics."""
    from assay.training.main import train

    made, _ = write_order(folder, corpus, recipe, scale, vocab, hardware, WARM + STEPS)
    train(made / "run.json")
    rows = [json.loads(line) for line in (made / "metrics.jsonl").read_text().splitlines()]
    return [row["mfu"] for row in rows[WARM:] if "inside" not in row]


def seconds_a_run(base: Path, corpus: Path, pack: int, device: str, runs: int, steps: int) -> float:
    """Wall seconds a run takes, in packs of so many; 1: each alone."""
    from assay.training.packed import train_pack
    from assay.training.pause import Pause
    from assay.training.trainer import train_run

    hardware = Hardware.parse({"device": device, "precision": "bf16", "pack": pack}, "benchmark")
    orders = [
        write_order(base / f"{seed}", corpus, Recipe(), MILLION, 257, hardware, steps, seed) for seed in range(runs)
    ]
    begun = time.perf_counter()
    with Pause() as pause:
        for start in range(0, runs, pack):
            if pack == 1:
                train_run(orders[start][1], orders[start][0], pause)
            else:
                train_pack(dict(orders[start : start + pack]), pause)
    return (time.perf_counter() - begun) / runs


def measure(options: Options) -> tuple[dict[str, Any], str]:
    import torch

    if not torch.cuda.is_available():
        if not options.quick:
            raise Missing("there is no GPU here; run this section on a machine with one")
        return _rehearsed(options)
    device = torch.device("cuda", 0)
    name, peak = torch.cuda.get_device_name(device), peak_flops(device, "bf16")
    large = write_corpus(options.work / "noise-large", VOCAB, 20_000_000)
    small = write_corpus(options.work / "noise-small", 257, 2_000_000)
    hardware = Hardware(device="cuda", precision="bf16", compile=True)
    found = [
        statistics.median(utilisation(options.work / f"mfu-{i}", large, hardware, GPT2_SMALL, GPT2, VOCAB))
        for i in range(options.repeats)
    ]
    number = iter(range(10**6))
    sides = {
        str(pack): lambda pack=pack: seconds_a_run(
            options.work / f"packed-{next(number)}", small, pack, "cuda", RUNS, RUN_STEPS
        )
        for pack in (1, PACK)
    }
    for side in sides.values():
        side()
    each = medians(in_turn(sides, options.repeats))
    shape = shape_at(GPT2, GPT2_SMALL, VOCAB)
    mfu, gain = statistics.median(found), each["1"] / each[str(PACK)]
    numbers = {
        "gpu": name, "peak": peak, "parameters": shape.parameters, "mfu": found, "seconds_a_run": each,
        "steps_a_run": RUN_STEPS, "limits": LIMITS,
    }  # fmt: skip
    rows = [
        [f"MFU, {shape.parameters / 1e6:.0f}M parameters, T={CONTEXT}, bf16, on one {name}", f"{mfu:.1%}", "45%"],
        [
            f"1M-parameter runs of {RUN_STEPS} steps an hour: one by one {3600 / each['1']:,.0f}, packed by {PACK}",
            f"{3600 / each[str(PACK)]:,.0f} ({gain:.1f}x)", f"{LIMITS['packed']:.0f}x",
        ],
    ]  # fmt: skip
    return numbers, table(["on one GPU", "median", "at least"], rows)


def _rehearsed(options: Options) -> tuple[dict[str, Any], str]:
    """Every step of this section on a CPU, tiny, so that it runs where a GPU is lent."""
    global WARM, STEPS
    WARM, STEPS = 1, 2
    tiny = Scale(name="tiny", width=64, depth=1, flops=1e15)
    recipe = changed(GPT2, {"data.context": 32, "data.batch": 2})
    corpus = write_corpus(options.work / "noise-large", 300, 10_000)
    utilisation(options.work / "mfu", corpus, Hardware(precision="bf16"), tiny, recipe, 300)
    small = write_corpus(options.work / "noise-small", 257, 10_000)
    for pack in (1, 2):
        seconds_a_run(options.work / f"packed-{pack}", small, pack, "cpu", 2, 1)
    return {
        "rehearsed": True
    }, "No GPU: nothing measured. The section's steps ran on the CPU, at a size without meaning."
