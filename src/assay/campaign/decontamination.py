"""What a lab evaluates on, which its training text should not hold: files, the held-out spans, the sealed documents."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet as pq

from assay.campaign.lab import CONFIG, Lab
from assay.corpus.decontamination.evaluations import HELDOUT, SEALED, Evaluation, document_key
from assay.corpus.decontamination.ngrams import NGRAM
from assay.corpus.decontamination.sealed import SealedNGrams, sealed_ngrams
from assay.corpus.decontamination.step import Decontaminate
from assay.corpus.editions.edition import TEXT, OpenEdition, lineage
from assay.corpus.manifest import is_withdrawn, open_corpus
from assay.corpus.records import json_lines
from assay.evaluation.files import texts_of
from assay.evaluation.results import stored
from assay.spec.errors import UserError

_SUFFIXES = (".jsonl.zst", ".jsonl.gz", ".jsonl")


@dataclass(frozen=True)
class Known:
    """Every evaluation that a lab knows.

    Attributes:
        evaluations: files in the order given, then the held-out spans.
        sealed: n-grams of the sealed documents; None: there are none.
        own: keys of documents that are held out.
        missed: names of files on which runs were evaluated, and which are not among these; of the held-out text where
            the lab's corpus was withdrawn.
    """

    evaluations: list[Evaluation]
    sealed: SealedNGrams | None
    own: frozenset[int]
    missed: list[str]


def read_evaluations(paths: Sequence[Path]) -> list[Evaluation]:
    """Evaluation files by their names.

    Raises:
        UserError: a file that is no evaluation file, or two of one name.
    """
    found = [Evaluation(_name(path), *texts_of(path)) for path in paths]
    for i, evaluation in enumerate(found):
        if evaluation.name in [HELDOUT, SEALED, *(other.name for other in found[:i])]:
            raise UserError(f"{paths[i]}: another evaluation is called '{evaluation.name}' too; rename the file")
    return found


def known_evaluations(lab: Lab, more: Sequence[Path], n: int = NGRAM) -> Known:
    """What a lab evaluates on: the files of `evaluations` in lab.toml, others given, held-out spans and the vault.

    Raises:
        UserError: a file is not there, or the vault is out of reach.
    """
    named = [lab.folder / name for name in lab.config.evaluations]
    for path in named:
        if not path.is_file():
            raise UserError(f"{lab.folder / CONFIG}: evaluations names {path}, which is not there")
    paths = list({path.resolve(): path for path in (*named, *more)}.values())
    names = {path.name for path in paths}
    evaluated = {found.file for row in lab.store.run_rows() for found in stored(lab.run_dir(row["hash"]))}
    missed = sorted(evaluated - names)
    judging = _judging(lab)
    if judging is None:
        return Known(read_evaluations(paths), None, frozenset(), [*missed, HELDOUT])
    manifest = open_corpus(judging)
    spans = [span for _, span in json_lines(judging / "spans.jsonl")]
    heldout = Evaluation(
        HELDOUT, [f"{span['domain']} {span['document'][:12]}" for span in spans], [[span["text"]] for span in spans]
    )
    sealed = None
    if manifest.vault:
        vault = lab.folder / "vault" / manifest.id
        sealed = sealed_ngrams(vault, lab.folder / TEXT / f"sealed-{manifest.id}.ngrams", n)
    table = pq.read_table(judging / "documents.parquet", columns=["id", "domain"], filters=[("split", "=", "heldout")])
    own = map(document_key, table["domain"].to_pylist(), table["id"].to_pylist())
    return Known([*read_evaluations(paths), heldout], sealed, frozenset(own), missed)


def _judging(lab: Lab) -> Path | None:
    """The corpus by whose held-out text runs are judged: the lab's; if that was withdrawn, what was made in its place.

    None if there is no such corpus.
    """
    others = sorted((lab.folder / "corpora").glob("*/manifest.json"), key=lambda path: -path.stat().st_mtime)
    for folder in (lab.corpus_dir, *(path.parent for path in others if not path.parent.name.startswith("."))):
        if not is_withdrawn(folder):
            return folder
    return None


def _name(path: Path) -> str:
    return next((path.name.removesuffix(suffix) for suffix in _SUFFIXES if path.name.endswith(suffix)), path.name)


def heldout_anew(lab: Lab, edition: OpenEdition, made: str) -> dict[str, int]:
    """How many documents of each domain a new corpus holds out that the one before it did not, by domain.

    The text of the edition was not compared with them, if it was decontaminated at all; if not, there are none.

    Args:
        made: id of the new corpus.
    """
    before, after = (lab.folder / "corpora" / name / "documents.parquet" for name in (lab.config.corpus.id, made))
    decontaminated = any(each.manifest.step == Decontaminate.name for each in lineage(edition))
    if not decontaminated or not before.is_file():
        return {}
    old, new = (
        pq.read_table(path, columns=["domain", "hash"], filters=[("split", "=", "heldout")]).to_pylist()
        for path in (before, after)
    )
    known = {row["hash"] for row in old}
    return dict(sorted(Counter(row["domain"] for row in new if row["hash"] not in known).items()))
