"""Time between a run's end and the next one's first step on the same core, and the controller's memory.

    python benchmarks/turnaround.py [--runs 24]

Queues real (short) trainings of the default ladder's smallest model, through the local executor. A run ends when
its evaluation has written its scores; the next one's first step is over when its first line of metrics exists.
Both are read from the system's clock by the processes themselves. Appends a section to benchmarks/RESULTS.md.
"""

import argparse
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil

from assay.execution.attempts import read_attempts
from assay.execution.local import LocalExecutor
from assay.spec.lab import DEFAULT_LADDER
from assay.spec.recipe import Recipe, changed
from assay.spec.run import Run, RunOrder, Seed, TrainingResult
from assay.spec.scale import shape_at

HERE = Path(__file__).resolve().parent
STEPS = 20
VOCAB = 257


def train(run_json: Path) -> TrainingResult:
    """The built-in trainer, which also notes when its first step was over."""
    from assay.training import main, metrics

    append = metrics.MetricsFile.append

    def noting(self: Any, row: dict[str, Any]) -> None:
        if row["step"] == 1:
            (run_json.parent / "first-step").write_text(repr(time.time()))
        append(self, row)

    metrics.MetricsFile.append = noting
    return main.train(run_json)


def build(folder: Path) -> None:
    """A small real corpus: one package of the standard library. In a process of its own, to keep its memory out."""
    code = (
        "import json, sys; from pathlib import Path; from assay.corpus.build import build_corpus;"
        "from assay.corpus.sources import Source;"
        "build_corpus(Path(sys.argv[1]), [Source('code', str(Path(json.__file__).parent.parent / 'asyncio'))])"
    )
    subprocess.run([sys.executable, "-c", code, str(folder)], check=True)


def order(number: int, corpus: Path) -> RunOrder:
    """Generation 0 and, alternating, a Muon recipe: the second loads other modules."""
    recipe = changed(Recipe(), {"optimiser.name": "muon", "model.mlp": "swiglu"}) if number % 2 else Recipe()
    scale = DEFAULT_LADDER[0]
    scale = scale.model_copy(update={"flops": STEPS * shape_at(recipe, scale, VOCAB).flops_per_step})
    run = Run(recipe=recipe, scale=scale, seed=Seed(init=number, data=number), corpus=corpus.name, trainer="benchmark")
    return RunOrder(run=run, run_hash=run.hash, corpus_dir=str(corpus), vocab=VOCAB)


def measure(runs: int, workers: int, folder: Path, corpus: Path) -> list[float]:
    """Seconds from each run's end to the end of the first step of the run that takes its slot."""
    executor = LocalExecutor(workers, {"code": 1.0}, train="turnaround:train")
    for number in range(runs):
        executor.submit(order(number, corpus), folder / str(number))
    done = 0
    while done < runs:
        for _, outcome in executor.poll(1.0):
            assert outcome.status == "finished", outcome.message
            done += 1
    executor.close()
    ends = sorted(read_attempts(folder / str(number))[-1].ended or 0.0 for number in range(runs))
    firsts = [float((folder / str(number) / "first-step").read_text()) for number in range(runs)]
    return [first - end for end, first in zip(ends, firsts[workers:], strict=False)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=24)
    runs = parser.parse_args().runs
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(HERE), os.environ.get("PYTHONPATH")]))
    lines: list[str] = []
    with tempfile.TemporaryDirectory() as temporary:
        build(Path(temporary) / "corpora")
        [corpus] = [path.parent for path in (Path(temporary) / "corpora").glob("*/manifest.json")]
        for workers in sorted({1, len(os.sched_getaffinity(0))}):
            gaps = measure(runs, workers, Path(temporary) / f"workers-{workers}", corpus)
            lines.append(f"| {workers} | {len(gaps)} | {statistics.median(gaps):.3f} | {max(gaps):.3f} |")
    assert "torch" not in sys.modules
    memory = psutil.Process().memory_info().rss / 1e6
    report = "\n".join(
        [
            "",
            "## Turnaround: from a run's end to the next run's first step on the same core",
            "",
            f"`python benchmarks/turnaround.py --runs {runs}`, {date.today()}, {len(os.sched_getaffinity(0))} cores, "
            f"{platform.system()} {platform.release()}, Python {platform.python_version()}, torch {version('torch')}. "
            "The first step itself is included. Target: under 0.5 s.",
            "",
            "| workers | turnarounds | median (s) | worst (s) |",
            "|---|---|---|---|",
            *lines,
            "",
            f"Memory of the controlling process (the executor alone, without torch): {memory:.0f} MB. Target: under "
            "300 MB for the whole controller.",
            "",
        ]
    )
    print(report)
    results = HERE / "RESULTS.md"
    if not results.exists():
        results.write_text("# Measurements\n\nEach section names its command, date, machine and versions.\n")
    with results.open("a") as file:
        file.write(report)


if __name__ == "__main__":
    main()
