"""`assay init`."""

import shutil
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from assay.interfaces.cli.shared import Json, print_json, size
from assay.spec.errors import UserError


def init(
    folder: Annotated[Path, Parameter(help="Where the lab shall be.")],
    *,
    corpus: Annotated[
        tuple[str, ...], Parameter(name="--corpus", negative="", help="NAME=PATH of a domain; may be repeated.")
    ] = (),
    corpus_from: Annotated[Path | None, Parameter(help="Instead: a lab whose newest edition of text to take.")] = None,
    tokenizer: Annotated[
        str, Parameter(help="'bytes', 'bpe:4096' for a BPE of that many tokens, or a tokenizer.json.")
    ] = "bytes",
    recipe: Annotated[str, Parameter(help="Recipe of generation 0: nanogpt, reference or a TOML file.")] = "nanogpt",
    ladder: Annotated[str, Parameter(help="'cpu', 'tiny', or a TOML file with [[ladder]] tables.")] = "cpu",
    trainer: Annotated[Path | None, Parameter(help="trainer.toml of another program that trains.")] = None,
    seed: Annotated[int, Parameter(help="Decides every seed of the lab.")] = 0,
    skip_bad: Annotated[bool, Parameter(negative="", help="Pass over what is no document, and count it.")] = False,
    json: Json = False,
) -> None:
    """Make a lab: build its corpus and write lab.toml with every setting.

    Without --corpus, the corpus is text that is on every machine: the running Python's standard library (code), its
    test suite (tests) and English documentation (docs). PATH is a folder, or a .txt, .md, .html, .jsonl,
    .jsonl.gz, .jsonl.zst or .parquet file; hf:ORG/NAME[:CONFIG[:SPLIT]] streams a data set (needs the 'datasets'
    extra). With --corpus-from, it is the newest edition of another lab, whose text the new lab gets with all its
    history.

    With --trainer, [search] begins with what that program's trainer.toml hands on to it.

    Examples:

        assay init mylab
        assay init mylab --corpus prose=./books --corpus code=./src.jsonl.zst
        assay init mylab --tokenizer bpe:4096 --seed 7 --recipe reference
        assay init mylab --trainer trainer.toml
        assay init newlab --corpus-from mylab --tokenizer bpe:8192
    """
    from assay.campaign.lab import check_mixture, check_shape, init_lab
    from assay.corpus.build import build_from, check_names
    from assay.corpus.editions.documents import copy_editions, edition_documents
    from assay.corpus.editions.edition import newest_edition
    from assay.corpus.embedded import embedded_sources
    from assay.corpus.ingest.add import Intake, add
    from assay.corpus.sources import Source
    from assay.corpus.tokenizers.kinds import tokenizer_named
    from assay.interfaces.cli.corpus_account import print_passed_over
    from assay.interfaces.cli.progress import corpus_progress
    from assay.spec.external import read_external, searchable
    from assay.spec.lab import DEFAULT_SEARCH
    from assay.spec.ladders import read_ladder
    from assay.spec.presets import named_recipe
    from assay.spec.search import Range

    if (folder / "lab.toml").exists():
        raise UserError(f"{folder} is a lab already; choose another folder, or go on with `assay run {folder}`")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UserError(f"{folder} exists and is not empty; choose a new folder")
    if not 0 <= seed < 2**31:
        raise UserError(f"--seed {seed}: give a whole number from 0 to {2**31 - 1}")
    start = named_recipe(recipe)
    scales = read_ladder(ladder)
    changes: dict[str, object] = {
        "seed": seed,
        "start": start.model_dump(mode="json"),
        "ladder": [scale.model_dump(mode="json") for scale in scales],
    }
    if trainer is not None:
        space = searchable(read_external(trainer).trainer, DEFAULT_SEARCH)
        if not space:
            raise UserError(
                f"{trainer}: the program is told nothing that proposals change by default; see `assay trainer check`"
            )
        changes |= {
            "execution": {"trainer": str(trainer.resolve())},
            "search": {
                key: allowed.model_dump() if isinstance(allowed, Range) else list(allowed)
                for key, allowed in space.items()
            },
        }
    sources = embedded_sources()
    if corpus:
        pairs = [text.partition("=") for text in corpus]
        for text, (name, equals, location) in zip(corpus, pairs, strict=True):
            if not (name and equals and location):
                raise UserError(f"--corpus {text}: expected NAME=PATH, for example --corpus prose=./books")
        sources = [Source(name, location) for name, _, location in pairs]
    edition = newest_edition(corpus_from) if corpus_from is not None else None
    if edition is not None and corpus:
        raise UserError("--corpus and --corpus-from cannot go together; leave one of them out")
    # What can be known before a corpus is built, which may take long.
    asked = recipe if recipe != "nanogpt" else f"--ladder {ladder}"  # blame what a person wrote
    known = set(edition.manifest.domains) if edition is not None else {source.name for source in sources}
    check_mixture(start, known, recipe)
    for scale in scales:
        check_shape(start, scale, tokenizer_named(tokenizer).vocab, asked)
    existed, account = folder.exists(), None
    try:
        with corpus_progress(quiet=json) as progress:
            if corpus_from is None:
                check_names(sources)
                account, _ = add(folder, Intake(tuple(sources), skip_bad=skip_bad), progress=progress)
            else:
                copy_editions(corpus_from, folder)
            edition = newest_edition(folder)
            manifest = build_from(
                folder / "corpora", edition_documents(edition), tokenizer, progress, vault=folder / "vault",
                total=edition.manifest.bytes, also=() if corpus_from is None else (corpus_from / "corpora",),
            ).manifest  # fmt: skip
        lab = init_lab(folder, manifest, changes)
    except BaseException:
        if not existed:
            shutil.rmtree(folder, ignore_errors=True)
        else:
            for left in folder.iterdir():
                shutil.rmtree(left) if left.is_dir() else left.unlink()
        raise
    domains = {
        name: {
            "train_documents": domain.train.documents, "train_bytes": domain.train.bytes,
            "heldout_documents": domain.heldout.documents, "heldout_bytes": domain.heldout.bytes,
        }
        for name, domain in manifest.domains.items()
    }  # fmt: skip
    if json:
        print_json({"lab": str(lab.folder), "corpus": manifest.id, "tokenizer": manifest.tokenizer,
                    "duplicates_dropped": manifest.dropped_duplicates, "vault": manifest.vault,
                    "domains": domains,
                    "bad": account.bad if account else {},
                    "other_files": account.model_dump()["other_files"] if account else {}})  # fmt: skip
        return
    print(f"Made {folder} with corpus {manifest.id} ({manifest.dropped_duplicates} exact duplicates dropped):")
    for name, sizes in domains.items():
        train, heldout = size(sizes["train_bytes"]), size(sizes["heldout_bytes"])
        print(f"  {name:14} {train:>9} to train on, {heldout:>9} held out")
    if account:
        print_passed_over(account)
    if manifest.vault:
        print("More is sealed for confirmations: `assay vault status` says how much, and what keeps runs out.")
    else:
        print("Nothing is sealed, since no domain has 20 source documents: certificates will be advisory.")
    print(f"Next: `assay plan {folder} --budget 20m`, then `assay run {folder} --budget 20m`.")
