"""Does the best learning rate stay where it is when the model gets wider? With muP's rules and without them.

    OMP_NUM_THREADS=1 python benchmarks/transfer.py --results sweep.jsonl [--rules adamw-mup] [--seeds 2]

Trains models of four widths over a grid of learning rates on the shared corpora (`ASSAY_SHARED`, default `../shared`),
finds each width's best rate as the lowest point of a parabola through the grid's lowest points, and draws loss against
learning rate into docs/images/training/transfer.svg. Every finished run is a line of the results file, so that an
interrupted sweep goes on.
"""

import argparse
import json
import math
import os
import platform
import statistics
import sys
import tempfile
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from assay.corpus.build import build_corpus
from assay.corpus.documents import Source
from assay.interfaces.report import plot
from assay.interfaces.report.picture import Panel, picture, write_picture
from assay.interfaces.report.scaling import decades, loss_ticks
from assay.spec.recipe import Recipe, changed
from assay.spec.run import Run, RunOrder, Seed
from assay.spec.scale import Scale, shape_at
from assay.training.pause import Pause
from assay.training.trainer import train_run

SHARED = Path(os.environ.get("ASSAY_SHARED", "../shared"))
PICTURE = Path(__file__).resolve().parent.parent / "docs" / "images" / "training" / "transfer.svg"
WIDTHS = (64, 128, 192, 256)
DEPTH, STEPS = 2, 150
RECIPE = {
    "model.position": "rope", "model.qk_norm": True, "model.norm": "rmsnorm", "model.mlp": "relu2",
    "model.head_dim": 16, "model.tied_embeddings": False, "data.context": 128, "data.batch": 16,
    "optimiser.beta2": 0.95,    "schedule.name": "linear", "schedule.warmup": 0.1, "schedule.final": 0.0,
}  # fmt: skip
MUP = {"transfer": "mup", "base_width": WIDTHS[0], "base_depth": DEPTH}
GRID = [2.0**-k for k in (10, 9, 8, 7, 6)]
#: What is swept: the changed fields, which rate, and its grid.
RULES: dict[str, tuple[str, dict[str, Any], str, list[float]]] = {
    "adamw-mup": ("AdamW with muP", MUP, "optimiser.lr", GRID),
    "adamw-constant": ("AdamW, constants as they are", {}, "optimiser.lr", GRID),
    "muon-mup": (
        "Muon with muP", MUP | {"optimiser.name": "muon", "optimiser.lr": 2.0**-7}, "optimiser.muon_lr",
        [2.0**-k for k in (8, 7, 6, 5, 4)],
    ),
}  # fmt: skip


def train(rule: str, width: int, rate: float, seed: int, corpus: Path, vocab: int) -> float:
    """Mean loss of the run's last tenth, nats a token."""
    _, change, key, _ = RULES[rule]
    recipe = changed(Recipe(), RECIPE | change | {key: rate})
    unit = shape_at(recipe, Scale(name="unit", width=width, depth=DEPTH, flops=1e15), vocab)
    scale = Scale(name=f"w{width}", width=width, depth=DEPTH, flops=(STEPS + 0.5) * unit.flops_per_step)
    run = Run(recipe=recipe, scale=scale, seed=Seed(init=seed, data=seed), corpus=corpus.name, trainer="sweep")
    order = RunOrder(run=run, run_hash=run.hash, corpus_dir=str(corpus), vocab=vocab, checkpoint_seconds=1e6)
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "run.json").write_text(order.model_dump_json())
        result = train_run(order, Path(folder), Pause())
    assert result.loss is not None or result.status == "diverged"
    return result.loss if result.status == "finished" and result.loss is not None else math.inf


def best(rates: list[float], losses: list[float]) -> float:
    """The rate at the lowest point of the parabola in log rate through the lowest loss and its two neighbours."""
    middle = min(range(len(rates)), key=lambda i: losses[i])
    near = [i for i in range(max(0, middle - 1), min(len(rates), middle + 2)) if math.isfinite(losses[i])]
    if len(near) < 3:
        return rates[middle]
    a, b, _ = np.polyfit([math.log(rates[i]) for i in near], [losses[i] for i in near], 2)
    return math.exp(-b / (2 * a))


def mean_losses(found: dict[tuple[str, int, float, int], float], rule: str, width: int, seeds: range) -> list[float]:
    """Mean over seeds for each rate of the rule's grid."""
    return [statistics.fmean(found[rule, width, rate, seed] for seed in seeds) for rate in RULES[rule][3]]


def draw(found: dict[tuple[str, int, float, int], float], rules: list[str], seeds: range) -> str:
    """One plot a rule: loss against learning rate, a curve a width, the best rate marked."""
    panels: list[Panel] = []
    kinds = ("", "good", "second", "bad")
    for rule in rules:
        name, _, key, rates = RULES[rule]
        sets = {width: mean_losses(found, rule, width, seeds) for width in WIDTHS}
        finite = [loss for losses in sets.values() for loss in losses if math.isfinite(loss)]
        x = plot.axis_around(rates, log=True)
        y = plot.axis_around([loss for loss in finite if loss < min(finite) + 1.2])
        marks: list[Any] = []
        for kind, (shape, (width, losses)) in zip(kinds, enumerate(sets.items()), strict=True):
            points = [(x.at(r), y.at(v)) for r, v in zip(rates, losses, strict=True) if v <= y.high]
            marks.append(plot.curves(plot.polyline(points, f"width {width}", class_=f"curve {kind}".strip())))
            lowest = best(rates, losses)
            marks.append(
                plot.marker(shape, x.at(lowest), y.at(min(losses)), f"width {width}: best at {lowest:.4f}",
                            class_=f"mark {kind}".strip())
            )  # fmt: skip
        legend = [(f"width {w}", kind, i) for i, (w, kind) in enumerate(zip(WIDTHS, kinds, strict=True))]
        panels.append(Panel(marks, decades(x), loss_ticks(y), f"{name}: {key}", "training loss, nats a byte", legend))
    text = (
        f"Mean training loss of the last tenth of {STEPS} steps of 2,048 bytes, {len(seeds)} seeds, four widths at "
        f"depth {DEPTH}; the marker is each width's best rate. Under muP the rates belong to width {WIDTHS[0]}."
    )
    return picture("The best learning rate, as the model gets wider", text, panels)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--results", type=Path, required=True, help="finished runs, a JSON line each; grown")
    parser.add_argument("--rules", nargs="*", choices=sorted(RULES), default=list(RULES), help="what to sweep")
    parser.add_argument("--seeds", type=int, default=2, help="seeds a point")
    given = parser.parse_args()
    sources = [Source(n, str(SHARED / "corpora" / f"{n}.jsonl.zst")) for n in ("prose", "encyclopedic", "code")]
    if not all(Path(source.location).exists() for source in sources):
        sys.exit(f"{SHARED / 'corpora'} is missing: nothing measured")
    found: dict[tuple[str, int, float, int], float] = {}
    if given.results.exists():
        for line in given.results.read_text().splitlines():
            row = json.loads(line)
            found[row["rule"], row["width"], row["rate"], row["seed"]] = row["loss"]
    seeds = range(given.seeds)
    with tempfile.TemporaryDirectory() as folder:
        manifest = build_corpus(Path(folder), sources)
        corpus = Path(folder) / manifest.id
        for rule in given.rules:
            for seed in seeds:
                for width in WIDTHS:
                    for rate in RULES[rule][3]:
                        if (rule, width, rate, seed) in found:
                            continue
                        loss = train(rule, width, rate, seed, corpus, manifest.vocab)
                        found[rule, width, rate, seed] = loss
                        row = {"rule": rule, "width": width, "rate": rate, "seed": seed, "loss": loss}
                        with given.results.open("a") as file:
                            file.write(json.dumps(row) + "\n")
                        print(f"{rule:16} width {width:4} rate {rate:.5f} seed {seed}: {loss:.4f}", flush=True)
    PICTURE.parent.mkdir(parents=True, exist_ok=True)
    write_picture(PICTURE, draw(found, given.rules, seeds))
    print(f"\n{datetime.now(UTC):%Y-%m-%d}, {platform.processor() or platform.machine()}, one thread, "
          f"torch {version('torch')}, {STEPS} steps, {len(seeds)} seeds\n")  # fmt: skip
    print("| rule | " + " | ".join(f"width {w}" for w in WIDTHS) + " | largest / smallest |")
    print("|---|" + "---|" * (len(WIDTHS) + 1))
    for rule in given.rules:
        rates = [best(RULES[rule][3], mean_losses(found, rule, width, seeds)) for width in WIDTHS]
        cells = " | ".join(f"{rate:.4f}" for rate in rates)
        print(f"| {RULES[rule][0]} | {cells} | {max(rates) / min(rates):.2f} |")


if __name__ == "__main__":
    main()
