"""`assay corpus dedup`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from assay.interfaces.cli.corpus_step import run_asked
from assay.interfaces.cli.shared import Json, Overwrite, Words, Workers, count, print_json
from assay.spec.errors import UserError

if TYPE_CHECKING:
    from assay.corpus.steps.step import Step

Method = Literal["exact", "normalised", "minhash", "lines", "paragraphs", "substring"]


def dedup(
    *words: Words,
    method: Annotated[
        list[Method] | None,
        Parameter(negative="", help="exact, normalised, minhash, lines, paragraphs or substring; repeatable."),
    ] = None,
    similarity: Annotated[float, Parameter(help="minhash: least Jaccard similarity of two documents' shingles.")] = 0.6,
    ngram: Annotated[int, Parameter(help="minhash: words of a shingle.")] = 5,
    permutations: Annotated[int, Parameter(help="minhash: values of a signature.")] = 112,
    bands: Annotated[int, Parameter(help="minhash: bands that a signature is cut into.")] = 14,
    length: Annotated[int, Parameter(help="substring: least number of words that repeat.")] = 50,
    against: Annotated[
        list[Path] | None,
        Parameter(
            negative="", help="Earlier text that stays as it is: a file, a folder, an edition, a lab; repeatable."
        ),
    ] = None,
    workers: Workers = 1,
    skip_bad: Annotated[
        bool, Parameter(negative="", help="Pass over records that cannot be read, earlier ones too, and count them.")
    ] = False,
    overwrite: Overwrite = False,
    svg: Annotated[Path | None, Parameter(help="minhash: file for a picture of the S-curve.")] = None,
    json: Json = False,
) -> None:
    """Remove duplicates: from a lab's newest edition, which makes a new one, or from a file or folder IN to OUT.

    Methods are used in the order given; left out, minhash, which finds equal documents too. The first one stays.
    exact, normalised (case, white space, punctuation and Unicode form do not count) and minhash (near duplicates)
    remove whole documents; lines, paragraphs and substring take repeated text out of them.

    OUT is a .jsonl, .jsonl.gz or .jsonl.zst for what stays, or a folder, for what goes too, with the reasons.

    Examples:

        assay corpus dedup mylab
        assay corpus dedup books.jsonl unique.jsonl --json
        assay corpus dedup books.jsonl unique/ --method minhash --similarity 0.8
        assay corpus dedup web.jsonl.zst web/ --method exact --method paragraphs --method substring --length 60
        assay corpus dedup new.jsonl fresh.jsonl --against old.jsonl
    """
    from assay.interfaces.cli.corpus_account import print_account
    from assay.interfaces.report.picture import check_picture

    settings = {
        "similarity": similarity, "ngram": ngram, "permutations": permutations, "bands": bands, "length": length,
    }  # fmt: skip
    if svg and method and "minhash" not in method:
        raise UserError("--svg draws the S-curve of minhash, which --method leaves out; leave one of them away")
    if svg:
        check_picture(svg)
    step = _step(method or ["minhash"], settings, tuple(against or ()), skip_bad)
    account, place = run_asked(
        step, words, beside=against or (), workers=workers, skip_bad=skip_bad, overwrite=overwrite, quiet=json
    )
    if svg:
        _draw(account.report, svg)
        place["picture"] = str(svg)
    if json:
        print_json({**account.model_dump(by_alias=True), **place})
        return
    print_account(account)
    _show_passed_over(account.report)
    if "minhash" in account.report:
        _show_near(account.report["minhash"])
    for what, name in place.items():
        print(f"  {what}: {name}")


def _step(methods: list[Method], settings: dict[str, Any], against: tuple[Path, ...], skip_bad: bool) -> "Step":
    """The step that a command line asks for. Raises `UserError` for values that make no sense."""
    from assay.corpus.deduplication.against import Against
    from assay.corpus.deduplication.bands import Banding
    from assay.corpus.deduplication.equal import EqualDocuments
    from assay.corpus.deduplication.in_turn import InTurn
    from assay.corpus.deduplication.lines import RepeatedUnits
    from assay.corpus.deduplication.near import NearDuplicates
    from assay.corpus.deduplication.near_step import RemoveNearDuplicates
    from assay.corpus.deduplication.passages import Passages

    similarity, ngram, permutations, bands = (
        settings[name] for name in ("similarity", "ngram", "permutations", "bands")
    )
    if not 0 < similarity <= 1:
        raise UserError(f"--similarity {similarity}: expected a number above 0, at most 1")
    if ngram < 1:
        raise UserError(f"--ngram {ngram}: expected at least 1 word")
    if not 1 <= bands <= permutations <= 4000:
        raise UserError(f"--bands {bands} --permutations {permutations}: expected 1 ≤ bands ≤ permutations ≤ 4000")
    if settings["length"] < 2:
        raise UserError(f"--length {settings['length']}: expected at least 2 words")
    for path in against:
        if not path.exists():
            raise UserError(f"--against {path}: no such file or folder; name a file, a folder, an edition or a lab")
    earlier, steps = Against(against, skip_bad), list["Step"]()
    for method in dict.fromkeys(methods):
        if method == "minhash":
            steps.append(RemoveNearDuplicates(NearDuplicates(similarity, ngram, Banding(permutations, bands)), earlier))
        elif method == "substring":
            steps.append(Passages(settings["length"], earlier))
        elif method in ("exact", "normalised"):
            steps.append(EqualDocuments(method, earlier))
        else:
            steps.append(RepeatedUnits(method, earlier))
    return steps[0] if len(steps) == 1 else InTurn(tuple(steps))


def _draw(report: dict[str, Any], path: Path) -> None:
    from assay.interfaces.report.picture import write_picture
    from assay.interfaces.report.s_curve import s_curve_picture

    found = report["minhash"]
    write_picture(path, s_curve_picture(found["s_curve"], found["planted"]))


def _show_passed_over(report: dict[str, Any]) -> None:
    """What was passed over of earlier text, which is the same for all methods."""
    first = next(iter(report.values()))
    for kind, number in first["against"].get("bad", {}).items():
        print(f"  passed over in earlier text, {kind}: {number}")


def _show_near(report: dict[str, Any]) -> None:
    from assay.corpus.deduplication.bands import Banding
    from assay.corpus.deduplication.scurve import picture

    curve, planted = report["s_curve"], report["planted"]
    ways = curve["tables"] // curve["bands"]
    print(
        f"\nHow likely two documents are compared ({ways} × {curve['bands']} bands of {curve['rows']} values;"
        f"\n│ marks the least similarity, {curve['similarity']}):\n"
    )
    print(picture(Banding(curve["permutations"], curve["bands"]), curve["similarity"]))
    if planted:
        print(f"\nOf edited copies planted among {count(planted['documents'], 'document')} of this text:")
        for rate, row in planted["edits"].items():
            print(f"  {100 * float(rate):.0f}% of words changed: {100 * row['recall']:.0f}% found "
                  f"(Jaccard {row['mean_jaccard']:.2f} on average)")  # fmt: skip
        if planted["precision"] is not None:
            print(f"  precision {planted['precision']:.3f}")
    print()
