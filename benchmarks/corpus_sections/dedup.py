"""Deduplication: near duplicates and equal texts, file to file, against datatrove and rensa with plain shingling

Documents are pieces of about 4,000 bytes of the shared corpora; where more is needed, their words are shuffled, which
leaves no run of five words as it was. One in five has a copy further on, with 0, 1, 3 or 5% of its words replaced, left
out or followed by another. Peers get less text, being slower; `MB` says how much. datatrove and rensa have to be
importable (`pip install datatrove spacy rensa 'xxhash<4'`). Recall is the share of the planted copies that go.
Precision is the share of what goes whose Jaccard similarity with what stays for it, counted in sets of words, is at
least the one asked for.
"""

import json
import re
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pyarrow as pa
import zstandard
from harness import Missing, Options, cpu_seconds, in_turn, medians, table
from peers import duplicates

from assay.corpus.deduplication.equal import EqualDocuments, text_hashes
from assay.corpus.deduplication.near import NearDuplicates
from assay.corpus.deduplication.near_step import RemoveNearDuplicates
from assay.corpus.deduplication.planted import edited
from assay.corpus.steps.bare import run_bare
from assay.corpus.steps.step import Step
from assay.corpus.texts import Texts

DOMAINS = ("prose", "encyclopedic", "code", "specs", "qa", "math", "dialogue", "french")
PIECE = 4000
RATES = (0.0, 0.01, 0.03, 0.05)
THRESHOLDS = (0.6, 0.7)
#: Bytes that each side gets.
MINHASH = {"datatrove": 2e6, "rensa": 10e6, "assay": 40e6}
EXACT = {"datatrove": 10e6, "assay": 100e6}
LINEAR = (10e6, 100e6, 1e9)
PROBE = """
import sys
from pathlib import Path
from assay.corpus.deduplication.equal import EqualDocuments
from assay.corpus.deduplication.near_step import RemoveNearDuplicates
from assay.corpus.steps.bare import run_bare
step = RemoveNearDuplicates() if sys.argv[3] == "minhash" else EqualDocuments()
account = run_bare(step, Path(sys.argv[1]), Path(sys.argv[2]), overwrite=True)
peak = next(line.split()[1] for line in Path("/proc/self/status").read_text().splitlines() if "VmHWM" in line)
print(account.into.bytes, account.cpu_seconds, account.seconds, peak)
"""


def pieces(shared: Path) -> list[tuple[str, str]]:
    """Domain and text of all documents, in pieces, in an order that a seed decides."""
    found: list[tuple[str, str]] = []
    for domain in DOMAINS:
        path = shared / "corpora" / f"{domain}.jsonl.zst"
        if not path.is_file():
            raise Missing(f"{path} is not there; name the shared folder with --shared or ASSAY_SHARED")
        content = zstandard.ZstdDecompressor().stream_reader(path.read_bytes()).read().decode()
        for line in content.splitlines():
            text = json.loads(line)["text"]
            found += [(domain, text[i : i + PIECE]) for i in range(0, len(text), PIECE) if len(text) - i > PIECE // 8]
    order = np.random.default_rng(0).permutation(len(found))
    return [found[place] for place in order]


def stream(made: list[tuple[str, str]]) -> Iterator[dict[str, str]]:
    """Records without end; the ids of planted copies name their source and rate."""
    draw, number = np.random.default_rng(1), 0
    held: list[tuple[str, str]] = []
    for again in range(1000):
        for domain, text in made:
            if again:
                words = text.split(" ")
                draw.shuffle(words)
                text = " ".join(words)
            number += 1
            yield {"id": f"{number}", "text": text, "domain": domain}
            if number % 5 == 0:
                held.append((f"{number}", text))
            if number % 5 == 3 and len(held) > 40:
                source, text = held.pop(int(draw.integers(len(held))))
                rate = RATES[int(draw.integers(len(RATES)))]
                copy = edited(text, rate, text.split(" "), draw)
                yield {"id": f"{source}+{rate}", "text": copy, "domain": domain}


def write(path: Path, made: list[tuple[str, str]], size: float) -> float:
    """A file with `size` bytes of text; how many there are."""
    written = 0
    with path.open("w", encoding="utf-8") as file:
        for record in stream(made):
            file.write(json.dumps(record, ensure_ascii=False) + "\n")
            written += len(record["text"].encode())
            if written >= size:
                return written
    raise AssertionError


def recall(source: Path, left: set[str]) -> dict[float, float]:
    """Share of the planted copies that are gone, at each rate."""
    ids = [json.loads(line)["id"] for line in source.open(encoding="utf-8")]
    planted = [(float(name.partition("+")[2]), name in left) for name in ids if "+" in name]
    return {rate: float(np.mean([not stays for r, stays in planted if r == rate])) for rate in RATES}


def truth(source: Path, folder: Path, similarity: float) -> dict[str, Any]:
    """What the near duplicates of a file are, by sets of words: planted pairs that are alike, removals that are not."""

    def runs(text: str) -> set[tuple[str, ...]]:
        words = re.findall(r"\w+", text.lower())
        return set(zip(*(words[i:] for i in range(5)), strict=False))

    texts = {record["id"]: record["text"] for record in map(json.loads, source.open(encoding="utf-8"))}

    def jaccard(one: str, other: str) -> float:
        a, b = runs(texts[one]), runs(texts[other])
        return len(a & b) / max(len(a | b), 1)

    with (folder / "removed" / f"{source.stem}.jsonl.zst").open("rb") as file:
        packed = zstandard.ZstdDecompressor().stream_reader(file, read_across_frames=True).read()
    removed = {record["id"]: record["detail"] for record in map(json.loads, packed.splitlines())}
    wrong = sum(
        jaccard(name, re.match(r"duplicate of \w+:(\S+?)(,|$)", detail)[1]) < similarity - 0.005  # type: ignore[index]
        for name, detail in removed.items()
    )
    planted = [name for name in texts if "+" in name]
    alike = [name for name in planted if jaccard(name, name.partition("+")[0]) >= similarity]
    return {
        "recall": {rate: float(np.mean([n in removed for n in planted if n.endswith(f"+{rate}")])) for rate in RATES},
        "recall_of_alike": float(np.mean([name in removed for name in alike])),
        "precision": 1 - wrong / max(len(removed), 1),
        "removed": len(removed),
    }


def of_file(step: Step, source: Path, work: Path) -> set[str]:
    run_bare(step, source, work / "out.jsonl", overwrite=True)
    return {json.loads(line)["id"] for line in (work / "out.jsonl").open(encoding="utf-8")}


def speeds(
    sizes: dict[str, float], sides: dict[str, Callable[[Path, Path], set[str]]], made: list[tuple[str, str]],
    work: Path, options: Options,
) -> tuple[dict[str, float], dict[str, dict[float, float]]]:  # fmt: skip
    """Bytes a processor second, and recall, of each side on its part of the text."""
    files = {name: work / f"{name}.jsonl" for name in sides}
    bytes_ = {name: write(files[name], made, sizes[name] / (20 if options.quick else 1)) for name in sides}

    def measured(name: str) -> Callable[[], float]:
        def once() -> float:
            with TemporaryDirectory(dir=work) as folder:
                return bytes_[name] / cpu_seconds(lambda: sides[name](files[name], Path(folder)))

        return once

    found = {}
    for name in sides:
        with TemporaryDirectory(dir=work) as folder:
            found[name] = recall(files[name], sides[name](files[name], Path(folder)))
    return medians(in_turn({name: measured(name) for name in sides}, options.repeats)), found


def growth(made: list[tuple[str, str]], work: Path, options: Options) -> list[dict[str, Any]]:
    """Processor seconds and the most memory held, for more and more text."""
    rows = []
    for size in LINEAR:
        source = work / "grown.jsonl"
        write(source, made, size / (1000 if options.quick else 1))
        for method in ("exact", "minhash"):
            done = subprocess.run(
                [sys.executable, "-c", PROBE, source, work / "grown-out.jsonl", method], capture_output=True, text=True,
                check=True,
            )  # fmt: skip
            bytes_, cpu, wall, peak = map(float, done.stdout.split())
            rows.append({"method": method, "bytes": bytes_, "cpu_seconds": cpu, "seconds": wall, "peak": peak * 1024})
    return rows


def measure(options: Options) -> tuple[dict[str, Any], str]:
    """Numbers, and the same as text."""
    made = pieces(options.shared)
    near: dict[str, Callable[[Path, Path], set[str]]] = {}
    equal: dict[str, Callable[[Path, Path], set[str]]] = {}
    if find_spec("datatrove"):
        near["datatrove"], equal["datatrove"] = duplicates.datatrove_minhash, duplicates.datatrove_exact
    if find_spec("rensa"):
        near["rensa"] = duplicates.rensa_minhash
    near["assay"] = lambda source, work: of_file(RemoveNearDuplicates(), source, work)
    equal["assay"] = lambda source, work: of_file(EqualDocuments(), source, work)
    with TemporaryDirectory(dir=options.work) as folder:
        work = Path(folder)
        fast, found = speeds(MINHASH, near, made, work, options)
        exact, _ = speeds(EXACT, equal, made, work, options)
        texts = Texts.of(pa.array([text for _, text in made], pa.large_string()))
        hashing = statistics.median(texts.offsets[-1] / cpu_seconds(lambda: text_hashes(texts)) for _ in range(5))
        source = work / "checked.jsonl"
        write(source, made, MINHASH["assay"] / (20 if options.quick else 1))
        checked = {}
        for threshold in THRESHOLDS:
            run_bare(RemoveNearDuplicates(NearDuplicates(similarity=threshold)), source, work / f"checked-{threshold}")
            checked[threshold] = truth(source, work / f"checked-{threshold}", threshold)
        grown = growth(made, work, options)
    numbers = {
        "minhash": fast, "recall": found, "exact": exact, "hashing": float(hashing), "checked": checked,
        "growth": grown,
    }  # fmt: skip
    return numbers, _text(numbers)


def _text(found: dict[str, Any]) -> str:
    def speed(value: float) -> str:
        return f"{value / 1e6:.3g}"

    def share(values: dict[float, float]) -> list[str]:
        return [f"{values[rate]:.3f}" for rate in RATES]

    edits = [f"{100 * rate:.0f}%" for rate in RATES]
    parts = [
        "Near duplicates: 112 values, 14 bands, runs of 5 words.\n\n" + table(
            ("", "MB", "MB a CPU second", "times the peer", *(f"recall at {rate}" for rate in edits)),
            [(name, speed(MINHASH[name]), speed(value), f"{found['minhash']['assay'] / value:.1f}",
              *share(found["recall"][name])) for name, value in found["minhash"].items()],
        ),
        "The same, checked word by word.\n\n" + table(
            ("at least", *(f"recall at {rate}" for rate in edits), "recall of pairs so alike", "precision"),
            [(str(threshold), *share(row["recall"]), f"{row['recall_of_alike']:.3f}", f"{row['precision']:.4f}")
             for threshold, row in found["checked"].items()],
        ),
        "Equal texts.\n\n" + table(
            ("", "MB", "MB a CPU second", "times the peer"),
            [(name, speed(EXACT[name]), speed(value), f"{found['exact']['assay'] / value:.1f}")
             for name, value in found["exact"].items()]
            + [("assay, hashing alone, from Arrow", "", speed(found["hashing"]), "")],
        ),
        "Growth.\n\n" + table(
            ("method", "MB", "CPU seconds", "MB a CPU second", "most memory, MB"),
            [(row["method"], f"{row['bytes'] / 1e6:.0f}", f"{row['cpu_seconds']:.2f}",
              speed(row["bytes"] / max(row["cpu_seconds"], 0.01)), f"{row['peak'] / 1e6:.0f}")
             for row in found["growth"]],
        ),
    ]  # fmt: skip
    return "\n\n".join(parts)
