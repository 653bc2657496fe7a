"""Removing documents from a lab on request: from its text, and from all that was made of it."""

import shutil
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from assay.campaign.corpora import adopt, begun
from assay.campaign.lab import Lab
from assay.campaign.lock import controlling
from assay.corpus.build import build_from
from assay.corpus.editions.documents import edition_documents
from assay.corpus.editions.edition import TEXT, OpenEdition, has_text, lineage, newest_edition
from assay.corpus.editions.lock import making_edition
from assay.corpus.manifest import is_withdrawn, open_corpus
from assay.corpus.removal.accounts import leaving
from assay.corpus.removal.corpora import affected, rename_copies, withdraw
from assay.corpus.removal.editions import editions_of, rewrite, sweep
from assay.corpus.removal.files import clear_files, watch_files
from assay.corpus.removal.quotations import Quotations, strings_of
from assay.corpus.removal.reading import Reading, files_of
from assay.corpus.removal.record import Record
from assay.corpus.removal.request import Request
from assay.corpus.removal.trace import meant_rows, trace
from assay.corpus.steps.engine import Progress
from assay.evaluation.vault import QUERIES
from assay.spec.errors import UserError

_ASIDE = ".removed-"


def remove_documents(lab: Lab, request: Request, progress: Progress | None = None) -> dict[str, Any]:
    """Remove documents by source or hash; what was done, as JSON data.

    Editions are written again. A corpus that held any of the documents is made anew out of its edition, and its
    old folder deleted; the lab trains on the new one if nothing was trained yet. Otherwise, and where a corpus was not
    made of an edition, its text is deleted and it refuses to be trained on. Labels that quote the documents are
    deleted, and so are pages. Killed on the way, the same request does the rest.

    Raises:
        UserError: nothing is meant by the words, or something else works on the lab.
    """
    with controlling(lab.folder, "assay corpus remove"), making_edition(lab.folder):
        line, others = editions_of(lab.folder) if has_text(lab.folder) else ([], [])
        quotations = Quotations()
        for edition in line:
            quotations.watch(strings_of([edition.report(), edition.account().report]))
        watch_files(lab.folder, quotations, progress)
        found = trace(line, others, request, quotations, progress)
        hashes = {digest for document in found for digest in document.hashes}
        held = affected(*_places(lab), request, hashes)
        only_there = {document.hash: document for documents in held.values() for document in documents}
        found += [document for digest, document in only_there.items() if digest not in hashes]
        if not found and Record.unfinished(lab.folder) is None:
            raise UserError(_nothing(lab.folder, request, line))
        record = Record.begin(lab.folder, request, found)
        return _remove(lab, request, record, line, others, quotations, progress)


def _remove(
    lab: Lab,
    request: Request,
    record: Record,
    line: list[OpenEdition],
    others: list[OpenEdition],
    quotations: Quotations,
    progress: Progress | None,
) -> dict[str, Any]:
    renamed = rewrite(lab.folder, line, request, leaving(record.documents), quotations, progress) if line else {}
    cleared = clear_files(lab.folder, quotations, progress)  # while there is text that they may quote
    reading = Reading(files_of(others), "looking for the documents", progress)
    deleted = [edition.id for edition in others if any(True for _ in meant_rows(edition, request, reading))]
    for edition in (*line, *others):
        if edition.id in renamed or edition.id in deleted:
            shutil.rmtree(edition.folder)
    corpora, vault = _places(lab)
    _restore(vault)
    for folder in (lab.folder / TEXT, corpora, vault, *corpora.glob("*/views"), *corpora.glob("*/annotations")):
        sweep(folder)
    hashes = {digest for document in record.documents for digest in document.hashes}
    held = affected(corpora, vault, request, hashes - _present(lab.folder, hashes))
    done: dict[str, Any] = {
        "documents": len(record.documents), "not_found": record.not_found(request), "editions": renamed,
        "deleted_editions": deleted, "edition": newest_edition(lab.folder).id if line else "", "corpora": {},
        "files": cleared._asdict(),
    }  # fmt: skip
    for name, documents in sorted(held.items(), key=lambda item: item[0] != lab.config.corpus.id):
        if name == lab.config.corpus.id:
            what = _renew(lab, request, hashes, progress)
        elif is_withdrawn(lab.corpus_dir):  # it was made in the place of the lab's own
            what = _replace(lab, name, hashes, progress)
        else:
            what = _discard(lab, name)
        done["corpora"][name] = {"documents": len(documents)} | what
    record.finish(done)
    return done


def _places(lab: Lab) -> tuple[Path, Path]:
    return lab.folder / "corpora", lab.folder / "vault"


def _nothing(lab: Path, request: Request, line: list[OpenEdition]) -> str:
    known: set[str] = set()
    for shard in line[-1].manifest.shards if line else ():
        known.update(pq.read_table(line[-1].shard(shard.name), columns=["source"])["source"].unique().to_pylist())
    told = sorted(known)
    more = f" and {len(told) - 8} more" if len(told) > 8 else ""
    asked = ", ".join(request.words)
    return f"{lab}: no document has the source or hash {asked}; sources are: {', '.join(told[:8])}{more}"


def _present(lab: Path, hashes: set[str]) -> set[str]:
    """Those of some texts that other documents of the newest line of editions still have."""
    found: set[str] = set()
    for edition in lineage(newest_edition(lab)) if has_text(lab) else ():
        found |= _texts(edition)
    return found & hashes


def _texts(edition: OpenEdition) -> set[str]:
    """Hashes of the texts of an edition."""
    found: set[str] = set()
    for shard in edition.manifest.shards:
        table = pq.read_table(edition.shard(shard.name), columns=["text_hash"])
        found.update(digest.hex() for digest in table["text_hash"].to_pylist())
    return found


def _discard(lab: Lab, name: str) -> dict[str, Any]:
    """Delete a corpus on which nothing was trained."""
    corpora, vault = _places(lab)
    shutil.rmtree(corpora / name)
    shutil.rmtree(vault / name, ignore_errors=True)
    _index(lab, name).unlink(missing_ok=True)
    return {"became": "", "note": "deleted: the lab did not train on it"}


def _replace(lab: Lab, name: str, hashes: set[str], progress: Progress | None) -> dict[str, Any]:
    """Make a corpus anew that is for another lab."""
    edition = _made_of(lab, name, hashes)
    done = _discard(lab, name)
    made, _ = _build(lab, edition, progress) if edition else ("", "")
    return done if not made else done | {"became": made, "note": "made anew, for a new lab"}


def _renew(lab: Lab, request: Request, hashes: set[str], progress: Progress | None) -> dict[str, Any]:
    """Put a corpus without the documents in the place of the one that the lab trains on."""
    old = lab.config.corpus.id
    runs = begun(lab)
    corpora, vault = _places(lab)
    aside = vault / f"{_ASIDE}{old}"
    if (vault / old).exists():
        (vault / old).rename(aside)
    edition = _made_of(lab, old, hashes)
    made, note = _build(lab, edition, progress) if edition else ("", "")
    if edition and made == old:  # its id covers the texts of training and held-out documents, and no names
        _index(lab, old).unlink(missing_ok=True)
        if (aside / QUERIES).exists():
            (aside / QUERIES).rename(vault / old / QUERIES)
        shutil.rmtree(aside, ignore_errors=True)
        copies = rename_copies(corpora / old, edition, request)
        note = "the same texts came from elsewhere too; it names these sources now" if copies else "sealed anew"
        return {"became": old, "note": f"its tokens stay as they are: {note}"}
    if aside.exists():
        aside.rename(vault / old)
    if edition and made and not runs:
        adopt(lab, open_corpus(corpora / made), edition.id)
        return _discard(lab, old) | {"became": made, "note": "made anew; the lab trains on the new one"}
    if made:
        todo = f"make a new lab of what remains with `assay init NEW --corpus-from {lab.folder}`"
    else:
        todo = f"make a new lab with `assay init`, without that text{note}"
    reason = f"text of this corpus was removed on request, so it cannot be trained on any more; {todo}"
    withdraw(corpora / old, vault / old, reason)
    _index(lab, old).unlink(missing_ok=True)
    trained = f"; {runs} learned from it: delete their checkpoints if the request covers them" if runs else ""
    return {"became": made, "note": f"withdrawn: {todo}{trained}"}


def _restore(vault: Path) -> None:
    """Put back what a removal that was killed had put aside."""
    for aside in vault.glob(f"{_ASIDE}*"):
        final = vault / aside.name.removeprefix(_ASIDE)
        if final.exists():
            if (aside / QUERIES).exists():
                (aside / QUERIES).replace(final / QUERIES)
            shutil.rmtree(aside)
        else:
            aside.rename(final)


def _build(lab: Lab, edition: OpenEdition, progress: Progress | None) -> tuple[str, str]:
    """The id of a corpus made of an edition with the lab's tokenizer; '' and why not, where too little is left."""
    serialised = lab.corpus_dir / "tokenizer.json"
    try:
        built = build_from(
            lab.folder / "corpora", edition_documents(edition), str(serialised) if serialised.exists() else "bytes",
            progress, vault=lab.folder / "vault", total=edition.manifest.bytes,
        )  # fmt: skip
    except UserError as error:
        return "", f" (what remains makes no corpus: {error})"
    return built.manifest.id, ""


def _made_of(lab: Lab, name: str, hashes: set[str]) -> OpenEdition | None:
    """The edition that a corpus was made of: it has, or had until now, every document, and fewest texts besides.

    Later ones may have what was added since, earlier ones what a step had removed before. Of several the newest.
    """
    if not has_text(lab.folder):
        return None
    table = pq.read_table(lab.folder / "corpora" / name / "documents.parquet", columns=["hash"])
    own = set(table["hash"].to_pylist())
    found: list[tuple[int, OpenEdition]] = []
    for edition in lineage(newest_edition(lab.folder)):
        held = _texts(edition)
        if own - hashes <= held:
            found.append((len(held - own), edition))
    return min(found, key=lambda each: each[0], default=(0, None))[1]


def _index(lab: Lab, name: str) -> Path:
    return lab.folder / TEXT / f"sealed-{name}.ngrams"
