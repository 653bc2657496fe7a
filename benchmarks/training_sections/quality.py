"""Quality at equal tokens: held-out loss of the preset `reference` against nanoGPT's published small-model settings

Both sides read the same training text (the domains of `corpora/*.jsonl.zst` in proportion to their size, as bytes),
have the same number of parameters within 2%, take the same number of steps of 4,096 tokens, and are scored by the same
code on the same held-out text, of `corpora/heldout`. Seed s of one side is paired with seed s of the other.

Runs take minutes to an hour each, so every finished one is a line of a JSONL file, and a second call goes on there.
"""

import json
import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import torch
from harness import Missing, Options, commit, t_interval, table
from peers import nanogpt

from assay.corpus.build import build_corpus
from assay.corpus.manifest import Manifest, open_corpus
from assay.corpus.sources import Source, read_source
from assay.corpus.spans import choose_spans
from assay.corpus.tokenizers.bytes import Bytes
from assay.evaluation.score import span_losses
from assay.spec.recipe import Recipe, changed
from assay.spec.run import Run, RunOrder, Seed
from assay.spec.scale import Scale, shape_at
from assay.training import environment
from assay.training.main import train
from assay.training.restore import load_model

CONTEXT, BATCH = 256, 16
HELDOUT_BYTES = 500_000


@dataclass(frozen=True)
class Size:
    """A model size, and how many tokens and seeds it is compared with."""

    name: str
    width: int
    depth: int
    heads: int
    tokens: int
    seeds: int

    @property
    def steps(self) -> int:
        """The fewest steps of 4,096 tokens with so many tokens."""
        return -(-self.tokens // (CONTEXT * BATCH))


#: Heads as nanoGPT has them: 32 wide in its README's command for a CPU, 64 in `train_shakespeare_char.py`.
SIZES = (
    Size("1M", width=128, depth=5, heads=4, tokens=4_000_000, seeds=5),
    Size("3M", width=224, depth=5, heads=7, tokens=4_000_000, seeds=5),
    Size("10M", width=384, depth=6, heads=6, tokens=2_000_000, seeds=3),
)
ARMS = ("nanogpt", "assay")


@dataclass(frozen=True)
class Text:
    """The training text as assay's corpus and as nanoGPT's file, and the held-out spans (domain, text)."""

    corpus: Path
    manifest: Manifest
    tokens: Path
    spans: tuple[tuple[str, str], ...]

    def streams(self) -> list[np.ndarray]:
        """Every span as end of text followed by its bytes."""
        tokenizer = Bytes()
        return [np.concatenate(([tokenizer.end_of_text], tokenizer.encode(text))) for _, text in self.spans]


def prepare(corpora: Path, work: Path) -> Text:
    """Build the corpus once, write nanoGPT's file from its shards, and choose the held-out spans."""
    paths = sorted(corpora.glob("*.jsonl.zst"))
    if not paths:
        raise Missing(f"{corpora} has no *.jsonl.zst; say with --shared where corpora/ is")
    names = [path.name.partition(".")[0] for path in paths]
    done = work / "corpus.json"
    if done.exists():
        folder = work / "corpora" / json.loads(done.read_text())
        manifest = open_corpus(folder)
    else:
        sources = [Source(name, str(path)) for name, path in zip(names, paths, strict=True)]
        manifest = build_corpus(work / "corpora", sources)
        folder = work / "corpora" / manifest.id
        with (work / "train.bin").open("wb") as file:
            for name in names:
                for shard in manifest.domains[name].train.shards:
                    file.write((folder / shard).read_bytes())
        done.write_text(json.dumps(manifest.id))
    sizes = manifest.train_tokens()
    spans: list[tuple[str, str]] = []
    for name in names:
        source = Source(name, str(corpora / "heldout" / f"{name}.jsonl.zst"))
        texts = [document.text.encode() for document in read_source(source)]
        limit = round(HELDOUT_BYTES * sizes[name] / sum(sizes.values()))
        contents = sorted((sha256(content).digest(), content) for content in texts)
        spans += [(name, span.text) for span in choose_spans(contents, limit)]
    return Text(folder, manifest, work / "train.bin", tuple(spans))


def score(model: Any, text: Text) -> dict[str, Any]:
    """Held-out loss in nats a byte: of all bytes together, and by domain."""
    nats: dict[str, float] = {}
    sizes: dict[str, int] = {}
    for (domain, content), loss in zip(text.spans, span_losses(model, text.streams(), CONTEXT), strict=True):
        nats[domain] = nats.get(domain, 0.0) + loss
        sizes[domain] = sizes.get(domain, 0) + len(content.encode())
    return {
        "loss": math.fsum(nats.values()) / sum(sizes.values()),
        "domains": {name: nats[name] / sizes[name] for name in nats},
    }


def run_nanogpt(size: Size, seed: int, text: Text, peer: nanogpt.Nanogpt, settings: nanogpt.Settings) -> dict[str, Any]:
    """Train and score nanoGPT."""
    torch.manual_seed(seed)
    model = peer.model(size.width, size.depth, size.heads, CONTEXT, text.manifest.vocab, settings)
    losses = list(nanogpt.train(model, text.tokens, size.steps, BATCH, CONTEXT, settings))
    return {
        "parameters": sum(weight.numel() for weight in model.parameters()),
        "train_loss": float(np.mean(losses[-len(losses) // 10 :])),
        "settings": asdict(settings),
        "commit": peer.commit,
        **score(nanogpt.AllLogits(model), text),
    }


def run_assay(size: Size, seed: int, text: Text, recipe: Recipe, folder: Path) -> dict[str, Any]:
    """Train a recipe with the built-in trainer, as a lab does, and score its checkpoint."""
    scale = Scale(name=size.name, width=size.width, depth=size.depth, flops=1e18)
    a_step = shape_at(recipe, scale, text.manifest.vocab).flops_per_step
    scale = scale.model_copy(update={"flops": (size.steps + 0.5) * a_step})  # steps are rounded down
    run = Run(recipe=recipe, scale=scale, seed=Seed(init=seed, data=seed), corpus=text.manifest.id, trainer="benchmark")
    order = RunOrder(run=run, run_hash=run.hash, corpus_dir=str(text.corpus), vocab=text.manifest.vocab)
    place = folder / run.hash
    place.mkdir(parents=True, exist_ok=True)
    (place / "run.json").write_text(order.model_dump_json())
    result = train(place / "run.json")
    assert result.status == "finished", result.status
    assert result.steps == size.steps
    return {
        "parameters": result.parameters,
        "train_loss": result.loss,
        "recipe": recipe.hash,
        "commit": commit(),
        **score(load_model(place).model, text),
    }


def recipe_of(name: str, changes: dict[str, Any]) -> Recipe:
    """A preset with the context and batch of this comparison."""
    from assay.spec.presets import PRESETS

    return changed(PRESETS[name], {"data.context": CONTEXT, "data.batch": BATCH, **changes})


def rows(path: Path) -> list[dict[str, Any]]:
    """All finished runs in a file."""
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def planned(sizes: Sequence[Size], arms: Sequence[str]) -> Iterator[tuple[Size, int, str]]:
    """Pair after pair, the smallest size first."""
    for size in sizes:
        for seed in range(1, size.seeds + 1):
            for arm in arms:
                yield size, seed, arm


def train_all(options: Options, work: Path, sizes: Sequence[Size], arms: Sequence[str]) -> None:
    """Do the runs that `work/runs.jsonl` lacks."""
    environment.prepare()
    text = prepare(options.shared / "corpora", work)
    path = work / "runs.jsonl"
    done = {(row["size"], row["seed"], row["arm"]) for row in rows(path)}
    for size, seed, arm in planned(sizes, arms):
        if (size.name, seed, arm) in done:
            continue
        wall, processor = time.perf_counter(), time.process_time()
        if arm == "nanogpt":
            found = run_nanogpt(size, seed, text, options.nanogpt(), nanogpt.Settings())
        else:
            found = run_assay(size, seed, text, recipe_of("reference", {}), work / "runs")
        row = {
            "size": size.name, "seed": seed, "arm": arm, "steps": size.steps, "tokens": size.steps * CONTEXT * BATCH,
            "cpu_seconds": round(time.process_time() - processor, 1), "seconds": round(time.perf_counter() - wall, 1),
            "finished": datetime.now(UTC).isoformat(timespec="seconds"), "torch": torch.__version__, **found,
        }  # fmt: skip
        with path.open("a") as file:
            file.write(json.dumps(row) + "\n")
        print(f"{size.name} seed {seed} {arm}: {found['loss']:.4f} nats a byte, {row['cpu_seconds']} CPU s", flush=True)


def summarise(found: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """For every size the mean loss of each side, and how much lower ours is, in percent, over the pairs of seeds."""
    summary: list[dict[str, Any]] = []
    for size in SIZES:
        by_arm = {
            arm: {row["seed"]: row for row in found if (row["size"], row["arm"]) == (size.name, arm)} for arm in ARMS
        }
        seeds = sorted(by_arm["nanogpt"].keys() & by_arm["assay"].keys())
        if not seeds:
            continue
        peer, ours = ([by_arm[arm][seed]["loss"] for seed in seeds] for arm in ARMS)
        lower = [100 * (a - b) / a for a, b in zip(peer, ours, strict=True)]
        summary.append(
            {
                "size": size.name, "tokens": by_arm["assay"][seeds[0]]["tokens"], "seeds": seeds, "wanted": size.seeds,
                "parameters": {arm: by_arm[arm][seeds[0]]["parameters"] for arm in ARMS},
                "nanogpt": float(np.mean(peer)), "assay": float(np.mean(ours)), "lower_percent": float(np.mean(lower)),
                "interval": t_interval(lower), "pairs": lower,
            }
        )  # fmt: skip
    return summary


def report(summary: Sequence[dict[str, Any]], found: Sequence[dict[str, Any]]) -> str:
    """The comparison as a table, and with what its runs were made."""
    lines: list[list[str]] = []
    for row in summary:
        parameters = " / ".join(f"{row['parameters'][arm]:,}" for arm in ARMS)
        lines.append(
            [
                row["size"], parameters, f"{row['tokens']:,}", f"{len(row['seeds'])} of {row['wanted']}",
                f"{row['nanogpt']:.4f}", f"{row['assay']:.4f}", f"{row['lower_percent']:.2f}%",
                "{:.2f}% to {:.2f}%".format(*row["interval"]) if row["interval"] else "needs two seeds",
            ]
        )  # fmt: skip
    head = [
        "size",
        "parameters (nanoGPT / assay)",
        "tokens",
        "seeds",
        "nanoGPT (nats a byte)",
        "assay",
        "lower by",
        "95%",
    ]
    return f"{table(head, lines)}\n\n{_made_with(found)}"


def _made_with(found: Sequence[dict[str, Any]]) -> str:
    if not found:
        return "No runs yet."

    def each(key: str, arm: str = "") -> str:
        return ", ".join(sorted({row[key] for row in found if arm in ("", row["arm"])})) or "none"

    days = sorted({row["finished"][:10] for row in found})
    return (
        f"Runs of {' to '.join(sorted({days[0], days[-1]}))}, torch {each('torch')}, "
        f"nanoGPT {each('commit', 'nanogpt')}, assay {each('commit', 'assay')}. "
        "Intervals: Student's, over pairs of seeds."
    )


def measure(options: Options) -> tuple[dict[str, Any], str]:
    """The section: train what is missing, then compare. With `--quick`: the smallest size, one seed, 40 steps."""
    work = options.work / ("quality-quick" if options.quick else "quality")
    work.mkdir(parents=True, exist_ok=True)
    sizes = [Size("1M", width=128, depth=5, heads=4, tokens=40 * 4096, seeds=1)] if options.quick else SIZES
    wanted = [size for size in sizes if not options.sizes or size.name in options.sizes]
    if not options.as_is:
        train_all(options, work, wanted, options.arms or ARMS)
    found = rows(work / "runs.jsonl")
    summary = summarise(found)
    return {"pairs": summary, "runs": found}, report(summary, found)
