"""Making a view: a corpus folder with the training text that some steps leave, and the held-out text as it is.

Views lie in `corpora/<id>/views/<view>/`, what each step made of the documents beside them in `annotations/`, so that
views which begin with the same step do it once. Both are named by the hash of corpus, steps and their parameters, and
appear under their names only when they are whole.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from time import process_time

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from assay.corpus.build import LEAST_TRAIN_BYTES, SHARD_BYTES, Progress
from assay.corpus.manifest import Domain, Manifest, TrainText, amounts, open_corpus
from assay.corpus.shards import Shards
from assay.corpus.steps.engine import run_step
from assay.corpus.steps.step import Step
from assay.corpus.tables import SCHEMA
from assay.corpus.tokenizers.base import token_type
from assay.corpus.tokenizers.kinds import load_tokenizer
from assay.corpus.views.annotation import AnnotationOutput, account_of, read_annotation
from assay.corpus.views.training import TrainingDocuments, TrainingText, training_documents
from assay.corpus.workfolder import sync_tree, work_folder
from assay.spec.base import canonical_json, sha256_text
from assay.spec.data_cost import Amounts, DataCost
from assay.spec.errors import UserError

VIEWS, ANNOTATIONS = "views", "annotations"
_COST = "cost.json"


def view_id(corpus: Path, steps: Sequence[Step]) -> str:
    """Content hash of a view."""
    return keys(corpus, steps)[-1]


def keys(corpus: Path, steps: Sequence[Step]) -> list[str]:
    """Content hash of what each step leaves."""
    keys = [corpus.name]
    for step in steps:
        keys.append(sha256_text(canonical_json([keys[-1], step.name, step.parameters()]))[:16])
    return keys[1:]


def places(corpus: Path, steps: Sequence[Step]) -> list[Path]:
    """Where a view lies once it is made, after the annotations that it is made of; nothing without any step."""
    found = keys(corpus, steps)
    return [*(corpus / ANNOTATIONS / key for key in found), *(corpus / VIEWS / key for key in found[-1:])]


def make_view(corpus: Path, steps: Sequence[Step], progress: Progress | None = None) -> Path:
    """The folder of a view, made if it is not there yet.

    Args:
        corpus: folder of a corpus.
        steps: what is done to its training text, at least one.

    Raises:
        UserError: the corpus is damaged, or too little is left of a domain to train on.
    """
    final = corpus / VIEWS / view_id(corpus, steps)
    try:
        open_corpus(final)
        return final
    except UserError:  # not there yet, or damaged
        pass
    annotations = _annotate(corpus, steps, progress)
    with work_folder(corpus / VIEWS) as work:
        folder = work / final.name
        _write(corpus, folder, annotations)
        sync_tree(folder)
        shutil.rmtree(final, ignore_errors=True)
        folder.rename(final)
    return final


def view_cost(view: Path) -> DataCost:
    """What a view took to make, all its steps included, and took away."""
    return DataCost.parse(json.loads((view / _COST).read_text(encoding="utf-8")), str(view / _COST))


def _annotate(corpus: Path, steps: Sequence[Step], progress: Progress | None) -> list[Path]:
    """What each step leaves, the last being what the view holds."""
    found: list[Path] = []
    for step, key in zip(steps, keys(corpus, steps), strict=True):
        final = corpus / ANNOTATIONS / key
        if not final.is_dir():
            with work_folder(final.parent) as work:
                source = TrainingText(corpus, found[-1] if found else None)
                run_step(step, source, AnnotationOutput(final), work, progress=progress)
        found.append(final)
    return found


def _write(corpus: Path, folder: Path, annotations: Sequence[Path]) -> None:
    begun = process_time()
    documents, left = training_documents(corpus), read_annotation(annotations[-1])
    (folder / "train").mkdir(parents=True)
    for name in ("tokenizer.json", "spans.jsonl"):
        if (corpus / name).exists():
            _same(corpus / name, folder / name)
    base = documents.manifest
    tokenizer = load_tokenizer(corpus)
    domains = documents.table["domain"].to_pylist()
    kept: dict[str, list[int]] = {name: [] for name in base.domains}
    for number in left.kept.tolist():
        kept[domains[number]].append(number)
    tables: list[pa.Table] = []
    trained: dict[str, Domain] = {}
    for name, numbers in kept.items():
        shards = Shards(folder, name, SHARD_BYTES, token_type(base.vocab))
        places: list[tuple[str, int, int]] = []
        texts: dict[int, bytes] = {}
        for place, number in enumerate(numbers):
            text = left.text(number)
            if text is None:
                tokens = documents.tokens(number)
            else:
                tokens, texts[place] = np.append(tokenizer.encode(text.decode()), tokenizer.end_of_text), text
            places.append(shards.write(tokens))
        shards.close()
        rows = _rows(documents, numbers, places, texts)
        size = int(np.sum(rows["bytes"].to_numpy()))
        if size < LEAST_TRAIN_BYTES:
            raise UserError(
                f"domain '{name}' would be left with {size} bytes of training text, too few to train on; select less "
                f"strictly, for example with a lower data.filter_limit"
            )
        tables.append(rows)
        train = TrainText(documents=len(numbers), bytes=size, tokens=shards.tokens, shards=tuple(shards.names))
        trained[name] = Domain(train=train, heldout=base.domains[name].heldout)
    table = pa.concat_tables(tables)
    pq.write_table(pa.concat_tables([table, documents.heldout]), folder / "documents.parquet", compression="zstd")
    manifest = base.model_copy(update={"id": folder.name, "domains": trained})
    (folder / "manifest.json").write_text(manifest.model_dump_json(indent=2) + "\n", encoding="utf-8")
    content = _content(documents.table), _content(table)
    cost = _cost(base, manifest, annotations, "" if content[0] == content[1] else content[1], process_time() - begun)
    (folder / _COST).write_text(cost.model_dump_json(indent=2) + "\n", encoding="utf-8")


def _rows(
    documents: TrainingDocuments, numbers: list[int], places: list[tuple[str, int, int]], texts: dict[int, bytes]
) -> pa.Table:
    """Rows of documents.parquet for the documents that are left of a domain."""
    rows = documents.table.take(pa.array(numbers, pa.int64()))
    hashes, sizes = rows["hash"].to_pylist(), rows["bytes"].to_pylist()
    for place, text in texts.items():
        hashes[place], sizes[place] = hashlib.sha256(text).hexdigest(), len(text)
    shard, offset, tokens = zip(*places, strict=True) if places else ((), (), ())
    changed = {"hash": hashes, "bytes": sizes, "shard": shard, "offset": offset, "tokens": tokens}
    columns = [
        pa.array(changed[field.name], field.type) if field.name in changed else rows[field.name] for field in SCHEMA
    ]
    return pa.table(columns, schema=SCHEMA)


def _cost(base: Manifest, left: Manifest, annotations: Sequence[Path], content: str, seconds: float) -> DataCost:
    accounts = [account_of(folder) for folder in annotations]
    before, after = amounts(base), amounts(left)
    return DataCost(
        view=left.id,
        content=content,
        cpu_seconds=round(seconds + sum(account.cpu_seconds for account in accounts), 3),
        removed=Amounts(
            documents=before.documents - after.documents, bytes=before.bytes - after.bytes,
            tokens=before.tokens - after.tokens,
        ),
        left=after,
        rules={rule: amount.documents for account in accounts for rule, amount in account.removed.items()},
        tokens=left.train_tokens(),
    )  # fmt: skip


def _content(table: pa.Table) -> str:
    """Hash of training texts in their order."""
    return sha256_text("".join(table["hash"].to_pylist()))[:16]


def _same(source: Path, target: Path) -> None:
    """The same file under another name: a link where the disk allows it."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)
