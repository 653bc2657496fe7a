"""A tiny corpus written by hand in the documented format, and orders for runs of a second or less."""

import json
import multiprocessing
import os
import resource
import signal
import sys
import time
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from assay.spec.recipe import Recipe, changed
from assay.spec.run import Run, RunOrder, Seed
from assay.spec.scale import Scale
from assay.training import checkpoint
from assay.training.__main__ import main
from assay.training.saver import Saver

TINY = Scale(name="tiny", width=16, depth=1, flops=1e9)
CHANGE = {"model.head_dim": 8, "data.context": 16, "data.batch": 4}
WORDS = ("the", "quick", "brown", "fox", "jumps", "over", "a", "dog", "naïve", "cafés", "serve", "crème", "brûlée")


def text(seed: int, count: int) -> str:
    """Words in random order: learnable, and with characters of more than one byte."""
    return " ".join(np.random.default_rng(seed).choice(WORDS, count))


def write_corpus(folder: Path) -> Path:
    """Two domains of bytes, with held-out spans of unequal length."""
    (folder / "train").mkdir(parents=True)
    domains, spans = {}, []
    for number, name in enumerate(("docs", "code")):
        documents = [text(100 * number + i, 300) for i in range(4)]
        tokens = [token for document in documents for token in [*document.encode(), 256]]
        shard = f"train/{name}-00000.bin"
        np.array(tokens, dtype="<u2").tofile(folder / shard)
        held = [text(1000 * (number + 1) + i, 5 + 17 * i) for i in range(3)]
        spans += [
            {"domain": name, "document": f"{name}-{i}", "start": 0, "end": len(t.encode()), "text": t}
            for i, t in enumerate(held)
        ]
        size = sum(len(document.encode()) for document in documents)
        domains[name] = {
            "train": {"documents": 4, "bytes": size, "tokens": len(tokens), "shards": [shard]},
            "heldout": {"documents": 3, "bytes": sum(len(t.encode()) for t in held)},
        }
    manifest = {
        "id": "tiny", "tokenizer": "bytes", "vocab": 257, "end_of_text": 256, "domains": domains,
        "dropped_duplicates": 0, "span_bytes": 4096,
    }  # fmt: skip
    (folder / "manifest.json").write_text(json.dumps(manifest))
    (folder / "spans.jsonl").write_text("".join(json.dumps(span) + "\n" for span in spans))
    return folder


def recipe(change: dict[str, Any] | None = None) -> Recipe:
    """A small recipe."""
    return changed(Recipe(), CHANGE | (change or {}))


def write_order(
    folder: Path, corpus: Path, change: dict[str, Any] | None = None, scale: Scale = TINY, **options: Any
) -> Path:
    """A run folder with its `run.json`."""
    run = Run(recipe=recipe(change), scale=scale, seed=Seed(init=1, data=2), corpus="tiny", trainer="test")
    order = RunOrder(run=run, run_hash=run.hash, corpus_dir=str(corpus), vocab=257, **options)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "run.json").write_text(order.model_dump_json())
    return folder / "run.json"


def _train(run_json: Path, file_limit: int | None) -> None:
    with (run_json.parent / "log.txt").open("a") as log, redirect_stdout(log), redirect_stderr(log):
        if file_limit:
            resource.setrlimit(resource.RLIMIT_FSIZE, (file_limit, file_limit))
        sys.exit(main([str(run_json)]))


def forked(run_json: Path, file_limit: int | None = None) -> BaseProcess:
    """Start training in a fork of this process, as the executor's zygote does; its output goes to log.txt.

    A limit on file sizes is the one way to make a real write fail as on a full disk.
    """
    process = multiprocessing.get_context("fork").Process(target=_train, args=(run_json, file_limit))
    process.start()
    return process


def interrupted(run_json: Path, number: signal.Signals, ready: Callable[[], bool], seconds: float) -> int | None:
    """Train in a fork and send it a signal, `seconds` after `ready` has become true; its exit code."""
    process = forked(run_json)
    while process.is_alive() and not ready():
        time.sleep(0.001)
    process.join(seconds)
    if process.is_alive():
        assert process.pid
        os.kill(process.pid, number)
    process.join()
    return process.exitcode


def save_weights(run: Path, weights: dict[str, Tensor], step: int = 1) -> None:
    """Give a run these weights, as a checkpoint that does not say whose it is."""
    with Saver(run / "checkpoint", keep=1) as saver:
        saver.save({"step": step}, {checkpoint.WEIGHTS: weights}, last=True)


def weights(run: Path) -> bytes:
    """The bytes of the newest checkpoint's weights."""
    return (max((run / "checkpoint").glob("step-*")) / "model.safetensors").read_bytes()
