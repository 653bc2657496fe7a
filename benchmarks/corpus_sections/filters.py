"""Filters: the four published ones together against datatrove, and the step that cleans from file to file

datatrove's filters run as they are, with its words (spaCy's, which are slower) replaced by a regular expression; each
sees every text, as documents in memory. Ours measure the same texts and compare with the same
thresholds. Decisions are compared on every domain's held-out text, as it is and changed so that filters have something
to find. The step reads compressed JSONL and writes what is kept and what is removed, learning thresholds on the way.
"""

import io
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import zstandard
from harness import ROOT, Missing, Options, cpu_seconds, in_turn, medians, table

from assay.corpus.filters import chain
from assay.corpus.filters.filter import Filter
from assay.corpus.filters.thresholds import removes
from assay.corpus.steps.bare import run_bare
from assay.corpus.steps.clean import Clean
from assay.corpus.texts import Texts
from assay.spec.cleaning import FILTERS, Cleaning
from assay.spec.registry import load

sys.path.insert(0, str(ROOT))
from tests.corpus.filters.oracle import Oracle, varied

DOMAINS = ("prose", "encyclopedic", "code", "qa", "math", "specs", "dialogue", "french")
SIZES = (10_000_000, 100_000_000, 1_000_000_000)
#: Runs the step over a file and prints processor seconds and the most memory held.
STEP = """
import resource, sys
from pathlib import Path
from assay.corpus.steps.bare import run_bare
from assay.corpus.steps.clean import Clean
from assay.spec.cleaning import Cleaning
account = run_bare(Clean(Cleaning()), Path(sys.argv[1]), Path(sys.argv[2]), overwrite=True)
status = Path("/proc/self/status").read_text()
print(account.into.bytes, account.cpu_seconds, next(line.split()[1] for line in status.splitlines() if "VmHWM" in line))
"""


def texts_of(path: Path, size: int | None = None) -> list[str]:
    """Documents of a file, `size` bytes of them or all."""
    if not path.is_file():
        raise Missing(f"{path} is not there; name the shared folder with --shared or ASSAY_SHARED")
    found: list[str] = []
    with path.open("rb") as file:
        for line in io.TextIOWrapper(zstandard.ZstdDecompressor().stream_reader(file), encoding="utf-8"):
            found.append(json.loads(line)["text"])
            if size is not None:
                size -= len(found[-1])
                if size < 0:
                    break
    return found


def decide(texts: list[str]) -> dict[str, list[bool]]:
    """Whether each filter on its own removes each text, by the published thresholds."""
    given = Texts.of(texts)
    decided: dict[str, list[bool]] = {}
    for name in FILTERS:
        one: Filter = load("corpus_filter", name)()
        decided[name] = _removed([one], given, {name: np.ones((len(texts), len(one.edits)), bool)})
    return decided


def _removed(filters: list[Filter], given: Texts, on: dict[str, np.ndarray]) -> list[bool]:
    measured = chain.measure(filters, given, on)
    gone = np.zeros(len(given), bool)
    for one in filters:
        for rule in one.rules:
            gone |= removes(rule, rule.threshold, measured[f"{one.name}.{rule.statistic}"])
    return gone.tolist()


def ours(texts: list[str]) -> Callable[[], object]:
    """All four filters, one after the other, decisions and C4's text."""
    filters: list[Filter] = [load("corpus_filter", name)() for name in FILTERS]
    on = {one.name: np.ones((len(texts), len(one.edits)), bool) for one in filters if one.edits}

    def work() -> None:
        given = Texts.of(texts)
        _removed(filters, given, on)
        chain.edit(filters, given, on)

    return work


def agreement(oracle: Oracle, shared: Path, size: int) -> dict[str, Any]:
    """Share of equal decisions, by domain and filter."""
    found: dict[str, Any] = {}
    for domain in DOMAINS:
        texts = texts_of(shared / "corpora" / "heldout" / f"{domain}.jsonl.zst", size)
        texts += varied(texts, 11)
        judged = [oracle.judge(text)[0] for text in texts]
        mine = decide(texts)
        found[domain] = {"documents": len(texts)} | {
            name: float(
                np.mean([ours == (theirs[name] is not None) for ours, theirs in zip(mine[name], judged, strict=True)])
            )
            for name in FILTERS
        }
    return found


def speed(oracle: Oracle, options: Options) -> dict[str, float]:
    """MB of text a second of processor time."""
    prose = texts_of(options.shared / "corpora" / "prose.jsonl.zst", 200_000 if options.quick else 8_000_000)
    few = list(islice(prose, 4 if options.quick else 16))
    sides: dict[str, tuple[list[str], Callable[[], object]]] = {
        "assay": (prose, ours(prose)),
        "datatrove, regex words": (few, lambda: [oracle.judge(text) for text in few]),
    }
    sizes = {name: sum(len(text.encode()) for text in texts) / 1e6 for name, (texts, _) in sides.items()}
    for _, work in sides.values():
        work()
    timed = in_turn(
        {name: lambda work=work: cpu_seconds(work) for name, (_, work) in sides.items()}, options.repeats
    )  # fmt: skip
    return {name: sizes[name] / seconds for name, seconds in medians(timed).items()}


def steps(options: Options) -> dict[str, float]:
    """MB of text a second of processor time, from file to files."""
    source = options.shared / "corpora" / "prose.jsonl.zst"
    target = options.work / "cleaned"

    def run(settings: Cleaning) -> float:
        shutil.rmtree(target, ignore_errors=True)
        account = run_bare(Clean(settings), source, target)
        return account.into.bytes / 1e6 / account.cpu_seconds

    sides = {"learned": lambda: run(Cleaning()), "published": lambda: run(Cleaning(learn=False))}
    return medians(in_turn(sides, options.repeats))


def growth(options: Options) -> list[dict[str, float]]:
    """Processor time and memory of the step by size of the input."""
    parts = [(domain, texts_of(options.shared / "corpora" / f"{domain}.jsonl.zst", 2_000_000)) for domain in DOMAINS]
    draw = np.random.default_rng(0)
    found = []
    for size in (1_000_000,) if options.quick else SIZES:
        source, target = options.work / f"{size}.jsonl", options.work / f"{size}.cleaned"
        left = size
        with source.open("w", encoding="utf-8") as file:
            while left > 0:
                for domain, texts in parts:
                    text = texts[int(draw.integers(len(texts)))]
                    file.write(json.dumps({"domain": domain, "text": text}, ensure_ascii=False) + "\n")
                    left -= len(text)
        done = subprocess.run(
            [sys.executable, "-c", STEP, str(source), str(target)], capture_output=True, text=True, check=True
        )
        read, seconds, memory = done.stdout.split()
        found.append({"bytes": int(read), "cpu_seconds": float(seconds), "rate": int(read) / 1e6 / float(seconds),
                      "memory_mb": int(memory) / 1024})  # fmt: skip
        source.unlink()
        shutil.rmtree(target)
    return found


def measure(options: Options) -> tuple[dict[str, Any], str]:
    try:
        oracle = Oracle()
    except ImportError:
        raise Missing("datatrove is not installed; `pip install datatrove==0.10.1`") from None
    found: dict[str, Any] = {
        "agreement": agreement(oracle, options.shared, 20_000 if options.quick else 300_000),
        "speed": speed(oracle, options),
        "step": steps(options) if not options.quick else {},
        "growth": growth(options),
    }
    rate = found["speed"]
    said = [
        "The four filters on prose in memory:\n",
        table(
            ("", "MB/cpu-s", "assay against it"),
            [(name, f"{value:.2f}", f"{rate['assay'] / value:.1f} times") for name, value in rate.items()],
        ),
        "\nShare of documents that both decide alike, as they are and changed:\n",
        table(
            ("domain", "documents", *FILTERS),
            [(domain, str(row["documents"]), *(f"{100 * row[name]:.2f}%" for name in FILTERS))
             for domain, row in found["agreement"].items()],
        ),
    ]  # fmt: skip
    if found["step"]:
        said += ["\nThe step on prose, from file to files: " + ", ".join(
            f"{value:.1f} MB/cpu-s with {name} thresholds" for name, value in found["step"].items()) + "."]  # fmt: skip
    said += [
        "\nThe step on all domains mixed:\n",
        table(
            ("MB", "cpu-s", "MB/cpu-s", "memory, MB"),
            [(f"{row['bytes'] / 1e6:.0f}", f"{row['cpu_seconds']:.1f}", f"{row['rate']:.1f}", f"{row['memory_mb']:.0f}")
             for row in found["growth"]],
        ),
    ]  # fmt: skip
    return found, "\n".join(said)
