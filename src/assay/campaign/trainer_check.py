"""Trying a `trainer.toml` out: what it would start, and a run of two steps, as runs of a campaign are run."""

import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

from assay.campaign.lab import Lab
from assay.corpus.build import build_corpus
from assay.corpus.manifest import Manifest
from assay.corpus.sources import Source
from assay.evaluation.spans import read_spans
from assay.execution.folder import tail
from assay.spec.external import External, check_search, searchable
from assay.spec.lab import DEFAULT_SEARCH
from assay.spec.protocols import Executor
from assay.spec.recipe import Recipe
from assay.spec.registry import load
from assay.spec.run import Outcome, Run, RunOrder, Seed
from assay.spec.scale import Scale
from assay.training.external.facts import Filled
from assay.training.identity import trainer_identity

STEPS = 2
#: Text for a check without a lab: a few pages of each of two kinds.
PAGES, SENTENCES = 24, 60


def check_trainer(external: External, lab: Lab | None) -> dict[str, Any]:
    """Facts of a dry run: command, config file, and what a run of two steps left.

    Args:
        lab: whose corpus, start recipe, smallest scale and confinement to use; None: a small corpus of its own.

    Raises:
        UserError: trainer.toml does not fit the lab. What goes wrong in the run is one of the facts.
    """
    if lab is not None:
        check_search(external.trainer, lab.config.search, f"{lab.folder / 'lab.toml'}: [search]")
        manifest, config = lab.corpus(), lab.config
        folder = lab.folder / "runs" / f".check-{os.getpid()}"
        try:
            return _try(
                external, config.start, config.ladder[0], lab.corpus_dir, manifest, folder, lab.executor(workers=1)
            )
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix="assay-check-") as name:
        manifest = _small_corpus(Path(name))
        executor = load("executor", "local")(workers=1, weights=dict.fromkeys(manifest.domains, 1.0))
        scale = Scale(name="check", width=64, depth=2, flops=1.0)
        corpus = Path(name, "corpora", manifest.id)
        return _try(external, Recipe(), scale, corpus, manifest, Path(name, "run"), executor)


def _small_corpus(folder: Path) -> Manifest:
    for domain, sentence in (("prose", "It was the {}th night, and all was still. "), ("code", "x{0} = f({0})\n")):
        (folder / domain).mkdir()
        for page in range(PAGES):
            text = "".join(sentence.format(page * SENTENCES + i) for i in range(SENTENCES))
            (folder / domain / f"{page}.txt").write_text(text, encoding="utf-8")
    return build_corpus(folder / "corpora", [Source(name, str(folder / name)) for name in ("prose", "code")])


def _try(
    external: External, recipe: Recipe, scale: Scale, corpus: Path, manifest: Manifest, folder: Path,
    executor: Executor,
) -> dict[str, Any]:  # fmt: skip
    roomy = scale.model_copy(update={"flops": 1e30})
    each = external.plan(recipe, roomy, manifest.vocab).flops_per_step
    run = Run(
        recipe=recipe, scale=scale.model_copy(update={"flops": (STEPS + 0.5) * each}), seed=Seed(init=0, data=0),
        corpus=manifest.id, trainer=trainer_identity(external=external),
    )  # fmt: skip
    order = RunOrder(run=run, run_hash=run.hash, corpus_dir=str(corpus), vocab=manifest.vocab, external=external)
    filled = Filled(order, folder)
    config = filled.config()
    facts: dict[str, Any] = {
        "identity": run.trainer,
        "folder": str(filled.place),
        "prepare": filled.words(external.trainer.prepare),
        "command": filled.command(),
        "config": None if config is None else {"path": str(config[0]), "text": config[1]},
        "flops_per_step": each,
        "searchable": list(searchable(external.trainer, DEFAULT_SEARCH)),
        "pauses": external.trainer.pause is not None,
        "self_scored": order.self_scored,
        "held_out_bytes": sum(len(span.text.encode()) for span in read_spans(corpus)),
    }
    outcome: Outcome | None = None
    try:
        executor.submit(order, folder)
        while outcome is None:
            outcome = dict(executor.poll(1.0)).get(run.hash)
    finally:
        executor.close()
    return facts | {
        "status": outcome.status,
        "problem": outcome.message,
        "metrics": tail(folder / "metrics.jsonl"),
        "domains": outcome.domains,
        "seconds": outcome.seconds,
        "memory_mb": outcome.memory_mb,
    }
