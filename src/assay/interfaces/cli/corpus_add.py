"""`assay corpus add`."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from assay.interfaces.cli.shared import Json, Words, Workers, count, find_lab, print_json, size
from assay.spec.errors import UserError


def add(
    *words: Words,
    licence: Annotated[str, Parameter(help="Of documents that name none, by its SPDX name: CC-BY-4.0, MIT, …")] = "",
    shards: Annotated[int | None, Parameter(help="Cut the edition into so many; otherwise by size.")] = None,
    workers: Workers = 1,
    skip_bad: Annotated[bool, Parameter(negative="", help="Pass over what is no document, and count it.")] = False,
    json: Json = False,
) -> None:
    """Take text into a lab, as a new edition: the documents of the newest one, and these.

    Words are [LAB] NAME=PATH…: the name of a domain, and a folder, a .txt, .md, .html, .jsonl, .jsonl.gz, .jsonl.zst
    or .parquet file, or hf:ORG/NAME[:CONFIG[:SPLIT]], which streams a data set's split, `train` if left out (needs the
    'datasets' extra). Records need a field `text`; `id`, `source`, `licence` and `retrieved` are used where there are
    such, and all other fields are kept. Of web pages the main text is taken.

    Of a folder, source code and other plain text is taken too, a document a file. What holds no text that can be read,
    such as .pdf, .csv, .json and empty files, is left out, counted and named.

    Memory does not grow with the input. When it was stopped or killed, the same command goes on where it was. Files
    that were added before and have not changed are not added again. What is counted as in and out is what is new;
    --json has it as `new` too, beside what the lab holds now, `lab_holds`.

    Examples:

        assay corpus add mylab prose=./books
        assay corpus add mylab web=./pages code=./src.jsonl.zst --workers 4
        assay corpus add mylab manuals=./manuals --licence CC-BY-4.0 --skip-bad --json
        assay corpus add mylab wiki=hf:wikimedia/wikipedia:20231101.en
    """
    from assay.corpus.documents import Source
    from assay.corpus.editions.edition import newest_edition
    from assay.corpus.ingest.add import Intake
    from assay.corpus.ingest.add import add as take_in
    from assay.interfaces.cli.corpus_account import print_account
    from assay.interfaces.cli.progress import corpus_progress
    from assay.spec.lab import LabConfig

    lab, pairs = (None, words) if not words or "=" in words[0] else (Path(words[0]), words[1:])
    if not pairs:
        raise UserError("nothing to add; expected: assay corpus add [LAB] NAME=PATH…, as in prose=./books")
    sources = []
    for text in pairs:
        name, _, location = text.partition("=")
        if not (name and location):
            raise UserError(f"{text}: expected NAME=PATH, for example prose=./books")
        sources.append(Source(name, location))
    with corpus_progress(quiet=json) as progress:
        folder = find_lab(lab)
        policy = LabConfig.from_toml(folder / "lab.toml").licences
        intake = Intake(tuple(sources), licence, shards, skip_bad, policy)
        account, edition = take_in(folder, intake, workers=workers, progress=progress)
    held = newest_edition(folder).manifest
    if json:
        holds = {"documents": held.documents, "bytes": held.bytes}
        facts = account.model_dump(by_alias=True)
        print_json({**facts, "edition": edition, "new": facts["out"], "lab_holds": holds})
        return
    if not account.into.documents:
        print(f"Nothing to do: this text was added before, as edition {edition}, and its files have not changed since.")
        return
    print_account(account)
    print(
        f"New: {count(account.out.documents, 'document')} ({size(account.out.bytes)}). The lab now holds "
        f"{held.documents} ({size(held.bytes)}) in all."
    )
    print(f"Edition {edition} is the newest one. Next: `assay corpus clean`, `assay corpus dedup`.")
