"""`assay corpus report`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

from cyclopts import Parameter, validators

from assay.interfaces.cli.shared import Json, find_lab, print_json

if TYPE_CHECKING:
    from assay.corpus.analysis.facts import CorpusFacts
    from assay.interfaces.cli.progress import CorpusProgress


def report(
    source: Annotated[
        Path | None,
        Parameter(
            help="A lab, an edition's or corpus's folder, or a file or folder of documents; the lab here if left out."
        ),
    ] = None,
    *,
    out: Annotated[
        Path | None, Parameter(help="Where to write it; LAB/corpus.html or ./corpus.html if left out.")
    ] = None,
    open_: Annotated[bool, Parameter(name="--open", negative="", help="Open it in a browser.")] = False,
    seed: Annotated[int, Parameter(help="Of the sample and of the topics.", validator=validators.Number(gte=0))] = 0,
    classifier: Annotated[
        Path | None, Parameter(help="A classifier of `assay quality train`, for the spread of its scores.")
    ] = None,
    skip_bad: Annotated[bool, Parameter(negative="", help="Pass over bare records that are no documents.")] = False,
    json: Json = False,
) -> None:
    """Write a report on a corpus: one page that needs no network, or with --json the facts behind it.

    The page shows domains, licences, lengths, languages, topics, what filters measure with samples at quantiles,
    duplicates, contamination, personal data, dates, and what each step removed. For a lab with a trained champion it
    also shows its loss by domain, and which documents it finds hardest and easiest. Of a lab it shows the newest
    edition of its text, and without any the corpus that it trains on. Text of sealed documents is never shown.

    Examples:

        assay corpus report mylab --open
        assay corpus report books.jsonl.zst --out books.html
        assay corpus report cleaned/ --json
    """
    from assay.interfaces.cli.progress import corpus_progress
    from assay.interfaces.report.corpus.page import render
    from assay.interfaces.report.shell import check_target, write_page

    source = source or find_lab(None)
    is_lab = (source / "lab.toml").is_file()
    target = out or (source / "corpus.html" if is_lab else Path("corpus.html"))
    if not json:
        check_target(target)
    with corpus_progress(quiet=json) as progress:
        how = _How(seed, classifier, skip_bad, progress)
        facts = _lab_facts(source, how) if is_lab else _facts(source, how)
    if json:
        print_json(facts.model_dump(mode="json", by_alias=True))
        return
    write_page(render(facts), target)
    print(f"Wrote {target}")
    if open_:
        import webbrowser

        webbrowser.open(target.resolve().as_uri())


class _How(NamedTuple):
    """How a corpus is looked at."""

    seed: int
    classifier: Path | None
    skip_bad: bool
    progress: "CorpusProgress | None"


def _facts(source: Path, how: _How) -> "CorpusFacts":
    from tempfile import TemporaryDirectory

    from assay.corpus.analysis.analyse import analyse
    from assay.corpus.analysis.collection import open_collection

    with TemporaryDirectory(prefix="assay-report-") as work:
        collection = open_collection(source, Path(work), skip_bad=how.skip_bad)
        return analyse(collection, seed=how.seed, classifier=how.classifier, progress=how.progress)


def _lab_facts(folder: Path, how: _How) -> "CorpusFacts":
    from assay.campaign.champion_losses import champion_losses
    from assay.campaign.lab import Lab
    from assay.corpus.analysis.lab_text import lab_text
    from assay.corpus.manifest import is_withdrawn

    lab = Lab(folder)

    def tick(done: int) -> None:
        if how.progress:
            how.progress(done, None, "asking the champion")

    try:
        facts = _facts(lab_text(lab.folder, lab.corpus_dir), how)
        losses, missing = champion_losses(lab, how.seed, tick)
        if facts.tokens is None and not is_withdrawn(lab.corpus_dir):
            facts = facts.with_tokens({name: domain.train for name, domain in lab.corpus().domains.items()})
        return facts.model_copy(update={"losses": losses, "no_losses": missing})
    finally:
        lab.close()
