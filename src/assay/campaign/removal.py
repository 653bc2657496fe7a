"""Removing documents from a lab on request: from its text, and from all that was made of it."""

import shutil
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from assay.campaign.corpora import adopt, begun
from assay.campaign.lab import Lab
from assay.corpus.build import build_from
from assay.corpus.editions.documents import edition_documents
from assay.corpus.editions.edition import TEXT, OpenEdition, has_text, lineage, newest_edition
from assay.corpus.editions.lock import making_edition
from assay.corpus.editions.removal import Removal, Request, check_found, record_removal, remove_from_editions
from assay.corpus.manifest import open_corpus
from assay.corpus.steps.engine import Progress
from assay.corpus.withdrawal import affected, withdraw
from assay.evaluation.vault import QUERIES
from assay.spec.errors import UserError


def remove_documents(lab: Lab, words: tuple[str, ...], progress: Progress | None = None) -> dict[str, Any]:
    """Remove documents by source or hash; what was done, as JSON data.

    Editions are written again. A corpus that held any of the documents is made anew out of its edition, and its
    old folder deleted; the lab trains on the new one if nothing was trained yet. Otherwise, and where a corpus was not
    made of an edition, its text is deleted and it refuses to be trained on.

    Raises:
        UserError: nothing is meant by the words.
    """
    request = Request.of(words)
    removal = Removal()
    if has_text(lab.folder):
        with making_edition(lab.folder):
            removal = remove_from_editions(lab.folder, request, progress)
    held = affected(lab.folder / "corpora", lab.folder / "vault", request, removal.hashes)
    if not held:
        check_found(lab.folder, words, removal.documents)
    facts: dict[str, Any] = {
        "documents": max(removal.documents, *held.values()) if held else removal.documents,
        "editions": removal.editions, "deleted_editions": removal.deleted, "edition": removal.newest, "corpora": {},
    }  # fmt: skip
    present = lab.config.corpus.id
    for name, count in held.items():
        facts["corpora"][name] = {"documents": count} | (
            _renew(lab, removal, progress) if name == present else _discard(lab, name)
        )
    record_removal(lab.folder, words, facts)
    return facts


def _discard(lab: Lab, name: str) -> dict[str, Any]:
    """Delete a corpus on which nothing was trained."""
    shutil.rmtree(lab.folder / "corpora" / name)
    shutil.rmtree(lab.folder / "vault" / name, ignore_errors=True)
    _index(lab, name).unlink(missing_ok=True)
    return {"became": "", "note": "deleted: the lab did not train on it"}


def _renew(lab: Lab, removal: Removal, progress: Progress | None) -> dict[str, Any]:
    """Put a corpus without the documents in the place of the one that the lab trains on."""
    old = lab.config.corpus.id
    runs = begun(lab)
    vault = lab.folder / "vault"
    aside = vault / f".removed-{old}"
    if (vault / old).exists():
        (vault / old).rename(aside)
    made, note = _build(lab, removal, progress)
    if made and not runs:
        adopt(lab, open_corpus(lab.folder / "corpora" / made), removal.newest)
    if made == old:  # nothing but sealed documents was meant, which its id does not cover
        _index(lab, old).unlink(missing_ok=True)
        if (aside / QUERIES).exists():
            (aside / QUERIES).rename(vault / old / QUERIES)
        shutil.rmtree(aside, ignore_errors=True)
        return {"became": old, "note": "its sealed documents were sealed anew; all else stays as it was"}
    if aside.exists():
        aside.rename(vault / old)
    if made and not runs:
        return _discard(lab, old) | {"became": made, "note": "made anew; the lab trains on the new one"}
    if made:
        todo = f"corpus {made} is made of what remains; make a new lab with `assay init NEW --corpus-from {lab.folder}`"
    else:
        todo = f"make a new lab with `assay init`, without that text{note}"
    reason = f"text of this corpus was removed on request, so it cannot be trained on any more; {todo}"
    withdraw(lab.folder / "corpora" / old, lab.folder / "vault" / old, reason)
    _index(lab, old).unlink(missing_ok=True)
    trained = f"; {runs} learned from it: delete their checkpoints if the request covers them" if runs else ""
    return {"became": made, "note": f"withdrawn: {todo}{trained}"}


def _build(lab: Lab, removal: Removal, progress: Progress | None) -> tuple[str, str]:
    """The id of a corpus made of the edition that the old one was made of; '' and why not, where there is none."""
    edition = _made_of(lab, removal) if removal.newest else None
    if edition is None:
        return "", ""
    serialised = lab.corpus_dir / "tokenizer.json"
    try:
        built = build_from(
            lab.folder / "corpora", edition_documents(edition), str(serialised) if serialised.exists() else "bytes",
            progress, vault=lab.folder / "vault", total=edition.manifest.bytes,
        )  # fmt: skip
    except UserError as error:
        return "", f" (what remains makes no corpus: {error})"
    return built.manifest.id, ""


def _made_of(lab: Lab, removal: Removal) -> OpenEdition | None:
    """The newest edition that has every document of the lab's corpus, or had it until now."""
    table = pq.read_table(lab.corpus_dir / "documents.parquet", columns=["hash"])
    wanted = set(table["hash"].to_pylist()) - set(removal.hashes)
    for edition in lineage(newest_edition(lab.folder)):
        held: set[str] = set()
        for shard in edition.manifest.shards:
            found = pq.read_table(edition.shard(shard.name), columns=["text_hash"])
            held.update(digest.hex() for digest in found["text_hash"].to_pylist())
        if wanted <= held:
            return edition
    return None


def _index(lab: Lab, name: str) -> Path:
    return lab.folder / TEXT / f"sealed-{name}.ngrams"
