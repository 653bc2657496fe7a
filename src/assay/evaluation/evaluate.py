"""Evaluate a run on a file, once: weights and rows in, scores out, kept in the run's folder."""

import time
from pathlib import Path

from assay.corpus.tokenizers.kinds import load_tokenizer
from assay.evaluation import results
from assay.evaluation.files import EvaluationFile
from assay.evaluation.reader import Reader, Tick
from assay.evaluation.results import Evaluated, Evaluation
from assay.evaluation.task import Task
from assay.spec.errors import UserError
from assay.spec.registry import load
from assay.training.environment import prepare
from assay.training.restore import load_model


def evaluate(run_folder: Path, file: EvaluationFile, tick: Tick = lambda _done, _of: None) -> Evaluated:
    """Scores of a run's newest checkpoint on a file; read from the run's folder if they were measured before.

    Args:
        tick: hears how many tokens (for samples: texts) are done, of how many.

    Raises:
        UserError: no complete checkpoint, and no stored evaluation from when there was one.
    """
    name = f"{file.task}-{file.sha256[:12]}" + (f"-{file.limit}" if file.limit else "")
    known = results.read(run_folder, name)
    if known and not any((run_folder / "checkpoint").glob("step-*")):
        return known  # the checkpoint was freed after it was evaluated
    start = time.perf_counter()
    prepare()
    trained = load_model(run_folder)
    if known and known.summary.checkpoint == trained.weights:
        return known
    if not all(bool(weight.isfinite().all()) for weight in trained.model.parameters()):
        raise UserError(f"{run_folder}: its weights are not finite numbers, since its training diverged")
    reader = Reader(
        trained.model, load_tokenizer(Path(trained.order.corpus_dir)), trained.order.run.recipe.data.context, tick
    )
    task: Task = load("evaluation_task", file.task)()
    items = task.measure(file.items, reader)
    summary = Evaluation(
        task=file.task, file=file.path.name, sha256=file.sha256, limit=file.limit, run=trained.order.run_hash,
        checkpoint=trained.weights, scores=results.scores(items), groups=results.by_group(items), items_sha256="",
        seconds=time.perf_counter() - start,
    )  # fmt: skip
    return results.write(run_folder, name, summary, file.lines, items)
