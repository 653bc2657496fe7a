"""`assay corpus tokenize`."""

import os
import time
from typing import Annotated, Any

from cyclopts import Parameter

from assay.interfaces.cli.shared import Json, LabArgument, find_lab, open_lab, print_json, size


def tokenize(
    lab: LabArgument = None,
    *,
    tokenizer: Annotated[str, Parameter(help="'bytes', 'bpe:4096', a tokenizer.json, or 'same' as now.")] = "same",
    workers: Annotated[int, Parameter(help="Processes; 0: one for each core.")] = 0,
    json: Json = False,
) -> None:
    """Make a corpus to train on out of a lab's newest edition of text.

    Some source documents are held out, some sealed; the others become shards of tokens in corpora/. The corpus becomes
    the lab's own as long as nothing was trained on another; after that, make a new lab with `assay init NEW
    --corpus-from LAB`, since results of different corpora don't compare.

    Nothing is encoded twice: documents whose tokens another corpus of the lab has are copied from it. Interrupted or
    killed, the same command goes on and gives the same bytes.

    Examples:

        assay corpus tokenize mylab
        assay corpus tokenize mylab --tokenizer bpe:8192
        assay corpus tokenize mylab --tokenizer gpt2/tokenizer.json --json
    """
    from assay.campaign.corpora import adopt, begun
    from assay.campaign.decontamination import heldout_anew
    from assay.campaign.lock import controlling
    from assay.corpus.build import build_from
    from assay.corpus.editions.documents import edition_documents
    from assay.corpus.editions.edition import newest_edition
    from assay.corpus.editions.lock import making_edition
    from assay.corpus.licences.policy import check_licences
    from assay.corpus.tokenizers.kinds import tokenizer_named
    from assay.corpus.tokenizers.measures import corpus_fit
    from assay.interfaces.cli.corpus_account import print_account
    from assay.interfaces.cli.progress import corpus_progress

    started, before = time.monotonic(), _cpu_seconds()
    edition = newest_edition(find_lab(lab))
    opened = open_lab(lab)
    try:
        shards = [edition.shard(shard.name) for shard in edition.manifest.shards]
        check_licences(opened.config.licences, shards, str(opened.folder / "lab.toml"), f"edition {edition.id}")
        if tokenizer == "same":
            tokenizer = "bytes" if opened.corpus().tokenizer == "bytes" else str(opened.corpus_dir / "tokenizer.json")
        tokenizer_named(tokenizer)
        with making_edition(opened.folder), corpus_progress(quiet=json) as progress:
            built = build_from(
                opened.folder / "corpora", edition_documents(edition), tokenizer, progress,
                vault=opened.folder / "vault", total=edition.manifest.bytes, workers=workers or None,
            )  # fmt: skip
        manifest, present = built.manifest, opened.config.corpus.id
        unseen = heldout_anew(opened, edition, manifest.id)
        trained = begun(opened) if manifest.id != present else ""
        if manifest.id != present and not trained:
            with controlling(opened.folder, "assay corpus tokenize"):
                adopt(opened, manifest, edition.id)
        folder = opened.folder / "corpora" / manifest.id
    finally:
        opened.close()
    fits = corpus_fit(folder)
    account = built.account.model_copy(
        update={"seconds": time.monotonic() - started, "cpu_seconds": _cpu_seconds() - before}
    )
    if json:
        facts: dict[str, Any] = account.model_dump(by_alias=True)
        print_json({
            **facts, "edition": edition.id, "corpus": manifest.id, "tokenizer": manifest.tokenizer,
            "vocab": manifest.vocab, "tokens": manifest.train_tokens(), "copied": built.copied.model_dump(),
            "encoded": built.encoded.model_dump(), "fit": {name: found.facts() for name, found in fits.items()},
            "lab_trains_on_it": not trained, "held_out_anew": unseen,
        })  # fmt: skip
        return
    print_account(account)
    print(f"Corpus {manifest.id}: {manifest.tokenizer}, {manifest.vocab} tokens in its vocabulary.")
    if built.copied.documents:
        print(f"  {built.copied.documents} documents were in tokens already, {built.encoded.documents} were encoded.")
    width = max(map(len, fits))
    for name, found in fits.items():
        train = manifest.domains[name].train
        print(
            f"  {name:{width}} {size(train.bytes):>9} {train.tokens:>12,} tokens, {found.bytes_per_token:5.2f} bytes a "
            f"token, {found.fertility:5.2f} tokens a word, {found.changed} of {found.documents} documents changed"
        )
    if unseen:
        named = ", ".join(f"{documents} of {name}" for name, documents in unseen.items())
        print(
            f"Documents are held out that decontamination did not know ({named}): run `assay corpus decontaminate` and "
            f"this command once more, so that the training text holds nothing of them."
        )
    if trained:
        print(
            f"The lab goes on with corpus {present}, of which there are {trained}: results of different corpora don't "
            f"compare. For the new one make a new lab: assay init NEW --corpus-from {opened.folder}"
        )
    else:
        print(f"The lab trains on it. Next: `assay run {lab or ''}".rstrip() + "`.")


def _cpu_seconds() -> float:
    return sum(os.times()[:4])
