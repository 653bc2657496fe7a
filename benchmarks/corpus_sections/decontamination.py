"""Decontamination: text against 100,000 evaluation items; what is found of planted ones

The items are those of `evals/` in the shared folder, and copies of them with a tenth of the words changed. Measured are
the index, texts in memory, and JSON lines in to JSON lines out with the index included. Planted are items that are not
in the text, one a document, in different dress. Every run is a process of its own, for its memory.
"""

import json
import random
import string
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from corpus_text import documents
from harness import Missing, Options, medians, table

from assay.campaign.decontamination import read_evaluations
from assay.corpus.decontamination.evaluations import Evaluation
from assay.corpus.decontamination.ngrams import LEAST_WORDS
from assay.corpus.decontamination.step import Decontaminate, Plan
from assay.corpus.steps.step import Judged
from assay.corpus.texts import Texts

ITEMS = 100_000
SIZES = (10_000_000, 100_000_000, 1_000_000_000)
PLANTED = 1000
RUN = """
import sys, time
from pathlib import Path
sys.path.insert(0, {benchmarks!r})
from corpus_sections.decontamination import perturbed
from assay.corpus.decontamination.step import Decontaminate
from assay.corpus.steps.bare import run_bare
evaluations = perturbed(Path({shared!r}), {items})
before = time.process_time()
step = Decontaminate(evaluations)
built = time.process_time()
account = run_bare(step, Path({source!r}), Path({target!r}), overwrite=True)
status = Path("/proc/self/status").read_text()
peak = next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM"))
print(built - before, time.process_time() - built, peak, account.into.bytes)
"""
#: What is done to planted items, by name.
DRESSES = {
    "as it is": (False, False, False), "other case": (True, False, False), "other punctuation": (False, True, False),
    "other white space": (False, False, True), "all of these": (True, True, True),
}  # fmt: skip


def perturbed(shared: Path, count: int) -> list[Evaluation]:
    """The shared evaluations, and copies with every tenth word replaced, up to so many items.

    Raises:
        Missing: there are no evaluations.
    """
    paths = sorted((shared / "evals").glob("*.jsonl.zst"))
    if not paths:
        raise Missing(f"there are no evaluations in {shared}; name the folder with --shared or ASSAY_SHARED")
    found = read_evaluations(paths)
    draw = random.Random(0)
    every = [item for evaluation in found for item in evaluation.texts]
    words = [word for item in every for word in item[0].split()]

    def other(text: str) -> str:
        return " ".join(draw.choice(words) if draw.random() < 0.1 else word for word in text.split())

    more: list[list[str]] = []
    while len(every) + len(more) < count:
        question, *rest = draw.choice(every)
        asked = other(question)
        more.append(
            [asked, *(f"{asked} {other(text[len(question):])}" if text.startswith(question) else other(text)
                      for text in rest)]
        )  # fmt: skip
    return [*found, Evaluation("perturbed", [str(i) for i in range(len(more))], more)]


class Batch:
    """Documents in memory."""

    def __init__(self, texts: list[bytes]) -> None:
        offsets = np.cumsum([0, *map(len, texts)], dtype=np.int64)
        self.first, self.texts = 0, Texts(np.frombuffer(b"".join(texts), np.uint8), offsets)

    def __len__(self) -> int:
        return len(self.texts)

    def column(self, name: str) -> list[str]:
        return [f"{name}{i}" for i in range(len(self))] if name == "id" else [""] * len(self)


def run(step: Decontaminate, batch: Batch) -> Judged:
    plan: Plan = step.decide(0, [step.survey(0, batch, None)], None, Path())
    return step.apply(batch, plan)


def dressed(text: str, dress: tuple[bool, bool, bool], draw: random.Random) -> str:
    case, marks, space = dress
    words = text.split()
    if case:
        words = [draw.choice((str.upper, str.lower, str.title))(word) for word in words]
    if marks:
        words = [word.strip(string.punctuation) + draw.choice(("", "", ",", ".", "!", ";", "…", "—")) for word in words]
    gaps = ("\n", "  ", "\t", " \n\n ", "\u00a0") if space else (" ",)
    return "".join(word + draw.choice(gaps) for word in words)


def planted(step: Decontaminate, evaluations: list[Evaluation], texts: list[bytes]) -> dict[str, dict[str, float]]:
    """Recall and precision by dress. Documents with something of an evaluation of their own are left out first."""
    own = run(step, Batch(texts)).removed
    clean = [text for i, text in enumerate(texts) if i not in own]
    found: dict[str, dict[str, float]] = {}
    items = [item[0] for evaluation in evaluations[:-1] for item in evaluation.texts]
    for name, dress in DRESSES.items():
        draw = random.Random(1)
        chosen = {place: draw.choice(items) for place in draw.sample(range(len(clean)), min(PLANTED, len(clean) // 2))}
        given = [
            text + b"\n" + dressed(chosen[i], dress, draw).encode() + b"\n" if i in chosen else text
            for i, text in enumerate(clean)
        ]
        removed = set(run(step, Batch(given)).removed)
        long = {i for i, item in chosen.items() if len(item.split()) >= LEAST_WORDS}
        found[name] = {
            "recall": len(removed & set(chosen)) / len(chosen),
            "recall_of_long_enough": len(removed & long) / len(long),
            "precision": len(removed & set(chosen)) / max(1, len(removed)),
        }
    return found


def measure(options: Options) -> tuple[dict[str, Any], str]:
    """The numbers, and tables of them. Raises `Missing` without the shared folder."""
    count = 2_000 if options.quick else ITEMS
    evaluations = perturbed(options.shared, count)
    texts = list(documents(options.shared, 1_000_000 if options.quick else 20_000_000))
    step = Decontaminate(evaluations)
    batch = Batch(texts)
    size = len(batch.texts.data) / 1e6
    memory: list[float] = []
    for _ in range(options.repeats + 1):
        before = time.process_time()
        run(step, batch)
        memory.append(time.process_time() - before)
    in_memory = size / medians({"": memory[1:]})[""]  # the first is cold
    rows, numbers = [], {"items": count, "in_memory": in_memory}
    for target in SIZES[:1] if options.quick else SIZES:
        found = _file(options, 1_000_000 if options.quick else target, count)
        numbers[str(target)] = found
        rows.append([
            f"{found['bytes'] / 1e6:.0f} MB", f"{found['index']:.1f} s", f"{found['work']:.1f} s",
            f"{found['bytes'] / 1e6 / found['work']:.1f}",
            f"{found['bytes'] / 1e6 / (found['work'] + found['index']):.1f}", f"{found['peak'] / 1e9:.2f} GB",
        ])  # fmt: skip
    recalls = planted(step, evaluations, texts)
    numbers["planted"] = recalls
    text = (
        f"Texts in memory: {in_memory:.1f} MB a second of processor time, against {count:,} items.\n\n"
        + table(["JSON lines in and out", "index (CPU)", "text (CPU)", "MB/cpu-s", "with the index", "memory"], rows)
        + "\n\n"
        + table(
            ["planted items", "found", f"of at least {LEAST_WORDS} words", "precision"],
            [[name, *(f"{value:.3f}" for value in row.values())] for name, row in recalls.items()],
        )
    )
    return numbers, text


def _file(options: Options, size: int, count: int) -> dict[str, float]:
    """One run from file to file in a process of its own."""
    source = options.work / f"decontamination-{size}.jsonl"
    with source.open("wb") as file:
        for i, text in enumerate(documents(options.shared, size)):
            file.write(json.dumps({"id": str(i), "text": text.decode(errors="replace")}).encode() + b"\n")
    code = RUN.format(
        benchmarks=str(Path(__file__).resolve().parent.parent), shared=str(options.shared), items=count,
        source=str(source), target=str(options.work / "out.jsonl"),
    )  # fmt: skip
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    index, work, peak, taken = map(float, done.stdout.split())
    source.unlink()
    (options.work / "out.jsonl").unlink()
    return {"index": index, "work": work, "peak": peak * 1024, "bytes": taken}
