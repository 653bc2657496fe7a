"""`assay corpus decontaminate`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from assay.interfaces.cli.corpus_step import run_asked
from assay.interfaces.cli.shared import Json, Overwrite, Words, Workers, count, find_lab, print_json, size
from assay.spec.errors import UserError

if TYPE_CHECKING:
    from assay.corpus.decontamination.step import Decontaminate
    from assay.corpus.steps.account import Account

_SHOWN = 10


def decontaminate(
    *words: Words,
    on: Annotated[
        list[Path] | None,
        Parameter(consume_multiple=True, negative="", help="Evaluation files: .jsonl, .jsonl.gz or .jsonl.zst."),
    ] = None,
    remove: Annotated[
        Literal["document", "span"], Parameter(help="Whole documents, or the sentences around what was found.")
    ] = "document",
    ngram: Annotated[int, Parameter(help="Words that must agree; a shorter item is looked for as a whole.")] = 13,
    common: Annotated[
        int, Parameter(help="An n-gram in more documents than this is a common phrase, and removes nothing.")
    ] = 10,
    workers: Workers = 1,
    skip_bad: Annotated[
        bool, Parameter(negative="", help="Pass over records that cannot be read, and count them.")
    ] = False,
    overwrite: Overwrite = False,
    json: Json = False,
) -> None:
    """Take out text that evaluations hold: of a lab's newest edition, which makes a new one, or of IN, written to OUT.

    In a lab, text is compared with the files given, those that `evaluations` in lab.toml names, the held-out spans and
    the sealed documents. These last are known by hashes alone, and nothing of their text is told. Case, punctuation,
    accents and white space do not count.

    The list to review begins with what is likeliest to be chance: phrases of common words (few bits), and those that
    are a small share of their item.

    OUT is a .jsonl, .jsonl.gz or .jsonl.zst for what stays, or a folder, for what goes too, with what was found where.

    Examples:

        assay corpus decontaminate mylab --on arc_easy.jsonl.zst hellaswag.jsonl.zst
        assay corpus decontaminate web.jsonl.zst clean.jsonl.zst --on blimp.jsonl.zst --json
        assay corpus decontaminate web.jsonl web/ --on quiz.jsonl --remove span --ngram 8
    """
    if not 3 <= ngram <= 255:
        raise UserError(f"--ngram {ngram}: expected 3 to 255 words")
    if common < 1:
        raise UserError(f"--common {common}: expected at least 1 document")
    step, missed = _step(words, on or [], {"n": ngram, "common": common, "remove": remove})
    account, place = run_asked(
        step, words, beside=on or (), workers=workers, skip_bad=skip_bad, overwrite=overwrite, quiet=json
    )
    if json:
        print_json({**account.model_dump(by_alias=True), **place, "not_compared": missed})
        return
    _show(account)
    for name in missed:
        print(f"  not compared with {_missed(name)}")
    for what, name in place.items():
        print(f"  {what}: {name}")


def _step(words: tuple[str, ...], files: list[Path], settings: dict[str, Any]) -> "tuple[Decontaminate, list[str]]":
    """The step against all that a lab knows, or the files given; and what text is not compared with."""
    from assay.campaign.decontamination import known_evaluations, read_evaluations
    from assay.campaign.lab import Lab
    from assay.corpus.decontamination.step import Decontaminate

    if len(words) >= 2:
        if not files:
            raise UserError("no evaluation named; give its files with --on FILE...")
        return Decontaminate(read_evaluations(files), **settings), []
    lab = Lab(find_lab(Path(words[0]) if words else None))
    try:
        known = known_evaluations(lab, files, settings["n"])
    finally:
        lab.close()
    return Decontaminate(known.evaluations, sealed=known.sealed, own=known.own, **settings), known.missed


def _missed(name: str) -> str:
    if name == "held-out":
        return "held-out text, since the lab's corpus was withdrawn; `assay corpus tokenize` holds some out anew"
    return f"{name}, on which runs were evaluated; name the file with --on"


def _show(account: "Account") -> None:
    from assay.corpus.decontamination.ngrams import LEAST_WORDS
    from assay.interfaces.cli.corpus_account import print_passed_over

    into, out, report = account.into, account.out, account.report
    print(f"{count(into.documents, 'document')} ({size(into.bytes)}) in, {out.documents} ({size(out.bytes)}) out")
    print_passed_over(account)
    evaluations = report["evaluations"]
    domains = sorted({domain for found in evaluations.values() for domain in found["domains"]})
    width = max(map(len, evaluations), default=0)
    print(f"  {'evaluation':{max(width, 10)}}  {'items':>7}  {'found':>7}  {'documents':>9}  " + "  ".join(domains))
    for name, found in evaluations.items():
        hit = found.get("items_found", "")
        cells = (f"{found['domains'].get(domain, 0):>{len(domain)}}" for domain in domains)
        print(f"  {name:{max(width, 10)}}  {found['items']:>7}  {hit!s:>7}  {found['documents']:>9}  "
              f"{'  '.join(cells)}".rstrip())  # fmt: skip
    for name, found in evaluations.items():
        if found.get("too_short"):
            print(f"  {name}: {count(found['too_short'], 'item')} of fewer than {LEAST_WORDS} words not looked for")
    common = report["common_phrases"]
    if common["ngrams"]:
        kept = count(common["documents_kept"], "document")
        print(f"\nCommon phrases, for which {kept} stayed:")
        for phrase in common["phrases"][:_SHOWN]:
            whose = f"{phrase['evaluation']} {phrase['item']}"
            print(f"  {phrase['documents']:>6} documents  {whose}: {_short(phrase['text'])}")
    if report["review"]:
        print("\nTo review, what is likeliest to be chance first:")
        for phrase in report["review"][:_SHOWN]:
            print(f"  {phrase['bits']:>6} bits  {100 * phrase['share']:>3.0f}% of {phrase['evaluation']} "
                  f"{phrase['item']}: {_short(phrase['text'])}")  # fmt: skip
        if len(report["review"]) > _SHOWN:
            print(f"  … {len(report['review']) - _SHOWN} more with --json")


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 100 else f"{line[:99]}…"
