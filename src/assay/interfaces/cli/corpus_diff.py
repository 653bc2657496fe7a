"""`assay corpus diff`."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from assay.interfaces.cli.shared import Json, Words, find_lab, print_json, size
from assay.spec.errors import UserError

if TYPE_CHECKING:
    from assay.corpus.analysis.difference_facts import ByRule, Change, Difference, Side

USAGE = "expected: assay corpus diff [LAB] A B"


def diff(
    *words: Words,
    seed: Annotated[int, Parameter(help="Of the samples.")] = 0,
    samples: Annotated[int, Parameter(help="Documents shown of each kind; --json gives all that were drawn.")] = 3,
    skip_bad: Annotated[bool, Parameter(negative="", help="Pass over bare records that are no documents.")] = False,
    json: Json = False,
) -> None:
    """Say what two editions, corpora or files have and have not in common. assay corpus diff [LAB] A B

    A and B are each the beginning of the id of an edition or corpus of the lab, the folder of one, a lab (its newest
    edition), or a file or folder of documents. Documents are known by domain and id, and by the hash of their text;
    records without an id by their text alone. Of a corpus the training documents are compared.

    Examples:

        assay corpus diff mylab 3f2a 81cd
        assay corpus diff books.jsonl cleaned/
        assay corpus diff old.jsonl.zst new.jsonl.zst --json
    """
    if len(words) not in (2, 3):
        raise UserError(f"{'too much' if len(words) > 3 else 'not enough'} given; {USAGE}")
    lab = find_lab(Path(words[0])) if len(words) == 3 else None
    from assay.corpus.analysis.collection import open_collection
    from assay.corpus.analysis.difference import difference
    from assay.interfaces.cli.progress import corpus_progress

    paths = [find(name, lab) for name in words[-2:]]
    with TemporaryDirectory(prefix="assay-diff-") as work, corpus_progress(quiet=json) as progress:
        folders = [Path(work, side) for side in "ab"]
        for folder in folders:
            folder.mkdir()
        a, b = (open_collection(path, at, skip_bad=skip_bad) for path, at in zip(paths, folders, strict=True))
        found = difference(a, b, seed=seed, progress=progress)
    if json:
        print_json(found.model_dump(mode="json"))
        return
    show(found, samples)


def find(name: str, lab: Path | None) -> Path:
    """What a word names: a path, or an edition or corpus of the lab by the beginning of its id.

    Raises:
        UserError: nothing is called that.
    """
    from assay.corpus.analysis.lab_text import lab_text
    from assay.corpus.editions.edition import TEXT, find_edition

    path = Path(name)
    if (path / "lab.toml").is_file():
        from assay.campaign.lab import Lab

        return lab_text(path, Lab(path).corpus_dir)
    if path.exists():
        return path
    try:
        folder = lab or find_lab(None)
    except UserError:
        raise UserError(
            f"{name}: no such file or folder, and there is no lab here to have an edition of that name"
        ) from None
    corpora = [each for each in sorted((folder / "corpora").glob(f"{name}*")) if (each / "manifest.json").is_file()]
    if len(name) >= 4 and len(corpora) == 1 and not list((folder / TEXT).glob(f"{name}*")):
        return corpora[0]
    if not (folder / TEXT).is_dir():
        raise UserError(f"{name}: no such file or folder, and {folder} has no edition or corpus of that name")
    return find_edition(folder, name).folder


def show(found: "Difference", most: int) -> None:
    """Print a comparison for people."""
    for letter, side in (("A", found.a), ("B", found.b)):
        print(f"{letter}  {_side(side)}")
    print()
    rows = [("all", found.total), *(found.domains.items() if len(found.domains) > 1 else ())]
    width = max(6, *(len(name) for name, _ in rows))
    print(f"{'':<{width}} {'same':>12} {'moved':>10} {'changed':>10} {'removed':>10} {'added':>10} {'bytes':>12}")
    for name, change in rows:
        print(f"{name:<{width}} {change.same.documents:>12,} {change.moved.documents:>10,} "
              f"{change.changed.documents:>10,} {change.removed.documents:>10,} {change.added.documents:>10,} "
              f"{_signed(_bytes(change)):>12}")  # fmt: skip
    _rules("Removed in B by", found.removed_by)
    _rules("Not in A because of", found.kept_out_by)
    _rules("Changed by", found.changed_by)
    for kind in ("changed", "removed", "added"):
        shown = [each for each in found.samples if each.kind == kind][:most]
        if shown:
            print(f"\n{kind} (samples)")
        for each in shown:
            said = "; ".join(filter(None, (each.rule, each.detail)))
            print(f"  {each.domain}:{each.id}" + (f"  [{said}]" if said else ""))
            for line in each.lines or (each.excerpt[:160],):
                print(f"    {printable(line)}")


def printable(text: str) -> str:
    """Text of a document without what would steer a terminal."""
    return "".join(letter if letter.isprintable() else "\ufffd" for letter in text)


def _side(side: "Side") -> str:
    name = f"{side.name} ({side.kind} {side.id})" if side.id else f"{side.name} (files)"
    tokens = f", {side.tokens:,} training tokens" if side.tokens is not None else ""
    return f"{name}: {side.documents:,} documents, {size(side.bytes)}{tokens}"


def _bytes(change: "Change") -> int:
    return change.added.bytes - change.removed.bytes + change.changed.after - change.changed.before


def _signed(number: int) -> str:
    return f"{'+' if number > 0 else '-' if number < 0 else ''}{size(abs(number))}"


def _rules(title: str, rows: "tuple[ByRule, ...]") -> None:
    if any(row.step for row in rows):
        print(f"\n{title}")
    for row in rows:
        name = f"{row.step}: {row.rule}" if row.step else "nothing that the steps know of"
        print(f"  {row.documents:>10,} documents {size(row.bytes):>12}  {name}")
