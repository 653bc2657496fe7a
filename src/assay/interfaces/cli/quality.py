"""`assay quality`: agree, train, report."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter, validators

from assay.interfaces.cli.quality_label import TextArgument
from assay.interfaces.cli.shared import Json, count, print_json
from assay.spec.errors import UserError

if TYPE_CHECKING:
    from assay.corpus.quality.agreement import Agreement
    from assay.corpus.quality.make import Training
    from assay.corpus.quality.preferences import Preferences


def agree(
    one: Annotated[Path, Parameter(help="A file of labels.")],
    other: Annotated[Path, Parameter(help="Another, of the same documents.")],
    /,
    *,
    json: Json = False,
) -> None:
    """Say how far two labellers agree: quadratically weighted kappa with its 95% interval.

    Kappa is 1 for full agreement and 0 for that of chance; labels that agree less than 0.4 or so are hardly worth
    distilling.

    Example:

        assay quality agree me.jsonl claude.jsonl
    """
    from assay.corpus.quality.agreement import agreement
    from assay.corpus.quality.labels import both_graded, read_labels

    mine, theirs = read_labels(one), read_labels(other)
    found = agreement(*both_graded(mine, theirs))
    if found.n == 0:
        raise UserError(f"{one} and {other} have no document in common; label the same text with the same seed")
    note = "both files hold the same labels, which says nothing of how far two graders agree" if mine == theirs else ""
    if json:
        print_json({**asdict(found), "note": note})
        return
    shares = f"{100 * found.exact:.0f}% alike, {100 * found.near:.0f}% at most one grade apart"
    print(f"{count(found.n, 'document')} graded by both: {shares}")
    print(f"weighted kappa {_kappa(found)}")
    if note:
        print(f"note: {note}")


def train(
    *,
    into: Annotated[Path, Parameter(help="Folder for the classifier.")],
    labels: Annotated[list[Path] | None, Parameter(negative="", help="A file of labels; repeatable.")] = None,
    good: Annotated[list[Path] | None, Parameter(negative="", help="Or text that you trust; repeatable.")] = None,
    rest: Annotated[list[Path] | None, Parameter(negative="", help="What to tell it from; repeatable.")] = None,
    embeddings: Annotated[
        Path | None, Parameter(help="Folder of a model2vec model; its embeddings take the place of hashed words.")
    ] = None,
    documents: Annotated[
        int, Parameter(help="With --good: most documents of each side.", validator=validators.Number(gte=1))
    ] = 1000,
    seed: Annotated[int, Parameter(help="With --good: of the draw.")] = 0,
    overwrite: Annotated[bool, Parameter(negative="", help="Replace a classifier that is there already.")] = False,
    json: Json = False,
) -> None:
    """Distil labels into a classifier: a linear model of hashed words and pairs of words, or of embeddings.

    Without labels, text that you trust stands for good and other text for the rest (--good, --rest); no key and no
    network is needed. What is told about calibration and agreement was measured on labels that the model had not seen,
    so train both ways and compare.

    Examples:

        assay quality train --labels claude.jsonl --into mylab/quality
        assay quality train --good books.jsonl --rest web.jsonl --into quality
    """
    from assay.corpus.quality.classifier import check_place, write_classifier
    from assay.corpus.quality.embeddings import Embeddings
    from assay.corpus.quality.hashed_words import HASHED_WORDS
    from assay.corpus.quality.labels import read_labels
    from assay.corpus.quality.make import from_good, from_labels

    if bool(labels) == bool(good or rest):
        raise UserError("give either --labels FILE, or --good TEXT and --rest TEXT")
    check_place(into, overwrite)
    in_both = 0
    features = Embeddings(embeddings) if embeddings else HASHED_WORDS
    if labels:
        classifier, told = from_labels([label for path in labels for label in read_labels(path)], features)
    else:
        trusted, other = _drawn(good or (), documents, seed, json), _drawn(rest or (), documents, seed, json)
        classifier, told = from_good(trusted, other, features)
        in_both = len(trusted) + len(other) - told.labels
    write_classifier(classifier, into)
    facts = {"classifier": str(into), "hash": classifier.hash, "in_both": in_both, **told.model_dump(mode="json")}
    if json:
        print_json(facts)
        return
    _print_training(told)
    if in_both:
        print(f"note: {count(in_both, 'document')} of --rest stand in --good too, and counted as good only")
    print(f"classifier {classifier.hash} in {into}; see what it prefers with `assay quality report {into} TEXT`")


def _drawn(places: Sequence[Path], documents: int, seed: int, quiet: bool) -> list:
    """At most so many documents of some text, evenly from its domains."""
    from assay.corpus.quality.reading import sample_text
    from assay.interfaces.cli.progress import corpus_progress

    if not places:
        return []
    with corpus_progress(quiet=quiet) as progress:
        found = sample_text(places, documents, seed=seed, doing="drawing documents", progress=progress)
    return sorted(found.documents)[:documents] if len(found.seen) > 1 else found.documents


def _print_training(told: "Training") -> None:
    grades = ", ".join(f"{n} × {grade}" for grade, n in told.grades.items())
    calibration = told.calibration
    print(f"learnt from {told.features}")
    print(f"{count(told.labels, 'text')} ({grades}); judged by models that had not seen the text in question:")
    print(
        f"  order              of two texts with different grades the better has the higher score in "
        f"{100 * told.in_order:.0f}%"
    )
    print(f"  agreement          weighted kappa of score and grade {_kappa(told.agreement)}")
    print(f"  calibration error  {calibration.ece:.3f}, 95% interval [{calibration.lo:.3f}, {calibration.hi:.3f}]; "
          f"perfect chances would show up to {calibration.perfect:.3f}")  # fmt: skip
    print(f"  Brier score        {calibration.brier:.3f}; {calibration.base:.3f} if every text got the same chance")
    print(f"  {'chance of ' + str(told.threshold) + ' or better':>20}  {'texts':>6}  {'share':>6}  95% interval")
    for each in calibration.bins:
        print(f"  {each.chance:>20.2f}  {each.n:>6}  {each.share:>6.2f}  [{each.lo:.2f}, {each.hi:.2f}]")


def report(
    classifier: Annotated[Path, Parameter(help="Folder of a classifier, or a fastText model (.bin, .ftz).")],
    text: TextArgument,
    /,
    *,
    label: Annotated[str, Parameter(help="Of a fastText model: whose probability is the score.")] = "",
    documents: Annotated[int, Parameter(help="Drawn from each domain.", validator=validators.Number(gte=1))] = 1000,
    html: Annotated[Path | None, Parameter(help="File for a page with samples.")] = None,
    svg: Annotated[Path | None, Parameter(help="File for a picture.")] = None,
    seed: Annotated[int, Parameter(help="Of the draw.")] = 0,
    json: Json = False,
) -> None:
    """Show what a classifier prefers: n-grams, domains, lengths, and samples at quantiles of its scores.

    Look at it before you filter with `assay corpus clean`, which can keep the best share of each domain.

    Examples:

        assay quality report quality web.jsonl.zst --html quality.html
        assay quality report mylab/quality mylab --json
        assay quality report dclm.bin web.jsonl.zst --label hq --html quality.html
    """
    from assay.corpus.quality.classifier import Classifier, open_scorer
    from assay.corpus.quality.preferences import preferences
    from assay.corpus.quality.reading import sample_text
    from assay.interfaces.cli.progress import corpus_progress
    from assay.interfaces.report.picture import check_picture, write_picture
    from assay.interfaces.report.quality import page, quality_picture
    from assay.interfaces.report.shell import check_target, write_page

    if svg:
        check_picture(svg)
    if html:
        check_target(html)
    opened = open_scorer(classifier, label)
    with corpus_progress(quiet=json) as progress:
        drawn = sample_text(text, documents, seed=seed, doing="drawing documents", progress=progress)
    found = preferences(opened, drawn.documents)
    training = opened.facts["training"] if isinstance(opened, Classifier) else None
    if svg:
        write_picture(svg, quality_picture(training, found))
    if html:
        write_page(page(training, found), html)
    if json:
        print_json({**found.model_dump(mode="json"), "seen": drawn.seen, "training": training})
        return
    _print_preferences(found)
    for path, what in ((html, "page"), (svg, "picture")):
        if path:
            print(f"{what}: {path}")


def _print_preferences(found: "Preferences") -> None:
    width = max(len(each.domain) for each in found.domains)
    print(f"{count(found.documents, 'document')}, classifier {found.classifier}")
    print(f"  {'domain':<{width}}  mean score ± deviation  correlation with length  kept, if the best half of all is")
    for each in found.domains:
        length = "–" if each.length_correlation is None else f"{each.length_correlation:+.2f}"
        print(f"  {each.domain:<{width}}  {each.mean:>10.2f} ± {each.deviation:<9.2f}  {length:>23}  "
              f"{100 * each.kept:>31.0f}%")  # fmt: skip
    for what, grams in (("raises", found.preferred), ("lowers", found.avoided)):
        if grams:
            print(f"  {what} scores: {', '.join(repr(each.text) for each in grams[:15])}")


def _kappa(found: "Agreement") -> str:
    if found.kappa is None:
        return "not defined, since one grade was given throughout"
    return f"{found.kappa:.3f}, 95% interval [{found.lo:.3f}, {found.hi:.3f}]"
