"""Trying a `trainer.toml` out: what it would start, and a run of two steps, as runs of a campaign are run."""

import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

from assay.campaign.lab import Lab, init_lab
from assay.corpus.build import build_corpus
from assay.corpus.sources import Source
from assay.evaluation.spans import read_spans
from assay.execution.folder import tail
from assay.spec.external import External, check_search, searchable
from assay.spec.lab import DEFAULT_SEARCH
from assay.spec.ladders import LADDERS
from assay.spec.run import Outcome, Run, RunOrder, Seed
from assay.training.external.facts import Filled
from assay.training.identity import trainer_identity

STEPS = 2
#: Text for a check without a lab: a few pages of each of two kinds.
PAGES, SENTENCES = 24, 60


def check_trainer(external: External, lab: Lab | None) -> dict[str, Any]:
    """Facts of a dry run: command, config file, and what a run of two steps left.

    Args:
        lab: whose corpus, start recipe, smallest scale and confinement to use; None: a small one, made for it.

    Raises:
        UserError: trainer.toml does not fit the lab. What goes wrong in the run is one of the facts.
    """
    if lab is not None:
        check_search(external.trainer, lab.config.search, f"{lab.folder / 'lab.toml'}: [search]")
        return _try(external, lab)
    with tempfile.TemporaryDirectory(prefix="assay-check-") as folder:
        made = _small_lab(Path(folder))
        try:
            return _try(external, made)
        finally:
            made.close()


def _small_lab(folder: Path) -> Lab:
    for domain, sentence in (("prose", "It was the {}th night, and all was still. "), ("code", "x{0} = f({0})\n")):
        (folder / domain).mkdir()
        for page in range(PAGES):
            text = "".join(sentence.format(page * SENTENCES + i) for i in range(SENTENCES))
            (folder / domain / f"{page}.txt").write_text(text, encoding="utf-8")
    sources = [Source(name, str(folder / name)) for name in ("prose", "code")]
    manifest = build_corpus(folder / "lab" / "corpora", sources)
    return init_lab(folder / "lab", manifest, {"ladder": [scale.model_dump() for scale in LADDERS["tiny"]]})


def _try(external: External, lab: Lab) -> dict[str, Any]:
    manifest, recipe, scale = lab.corpus(), lab.config.start, lab.config.ladder[0]
    folder = lab.folder / "runs" / f".check-{os.getpid()}"
    each = external.plan(recipe, scale.model_copy(update={"flops": 1e30}), manifest.vocab).flops_per_step
    run = Run(
        recipe=recipe, scale=scale.model_copy(update={"flops": (STEPS + 0.5) * each}), seed=Seed(init=0, data=0),
        corpus=manifest.id, trainer=trainer_identity(external=external),
    )  # fmt: skip
    order = RunOrder(
        run=run, run_hash=run.hash, corpus_dir=str(lab.corpus_dir), vocab=manifest.vocab, external=external
    )
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
        "held_out_bytes": sum(len(span.text.encode()) for span in read_spans(lab.corpus_dir)),
    }
    outcome: Outcome | None = None
    executor = lab.executor(workers=1)
    try:
        executor.submit(order, folder)
        while outcome is None:
            outcome = dict(executor.poll(1.0)).get(run.hash)
        metrics = tail(folder / "metrics.jsonl")
    finally:
        executor.close()
        shutil.rmtree(folder, ignore_errors=True)
    return facts | {
        "status": outcome.status,
        "problem": outcome.message,
        "metrics": metrics,
        "domains": outcome.domains,
        "seconds": outcome.seconds,
        "memory_mb": outcome.memory_mb,
    }
