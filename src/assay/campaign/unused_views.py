"""Views of a lab's corpora that nothing needs before a recipe asks for them again, which makes them again."""

import json
from collections.abc import Set
from pathlib import Path

from assay.campaign.history import Campaign
from assay.campaign.lab import QUALITY, Lab
from assay.corpus.workfolder import work_folder
from assay.spec.errors import UserError

_FOLDERS = ("views", "annotations")


def unused_views(lab: Lab, campaign: Campaign, over: Set[str]) -> list[Path]:
    """Folders of views, and of the annotations that they are made of, that may be deleted.

    Needed are those of the champion and of recipes under test, those of runs that go on or keep a checkpoint, which
    reads its tokenizer and its text there, and those that can't be made again, since the classifier of their recipe is
    gone.

    Args:
        over: hashes of the runs that are over and will have no checkpoint.
    """
    present = [path for name in _FOLDERS for path in sorted((lab.folder / "corpora").glob(f"*/{name}/*"))]
    if not present:
        return []
    needed = {_within(path) for digest in _asked(lab, campaign) for path in _places(lab, digest) or ()}
    for row in lab.store.run_rows():
        order = lab.run_dir(row["hash"]) / "run.json"
        if order.is_file() and (row["hash"] not in over or _places(lab, row["recipe"]) is None):
            needed.add(_within(Path(json.loads(order.read_text(encoding="utf-8"))["corpus_dir"])))
    return [path for path in present if _within(path) not in needed and not path.name.startswith(".")]


def _within(folder: Path) -> tuple[str, ...]:
    """Corpus, kind and key of a view or annotation, which stay as they are when a lab's folder is moved."""
    return folder.parts[-3:]


def free(folder: Path) -> None:
    """Delete a view or annotation, so that half of it is never found under its name."""
    with work_folder(folder.parent) as work:
        folder.rename(work / folder.name)


def size_of(folder: Path) -> int:
    """Bytes that deleting a folder frees: files that have another name elsewhere take none."""
    files = (path.stat() for path in folder.rglob("*") if path.is_file())
    return sum(file.st_size for file in files if file.st_nlink == 1)


def _asked(lab: Lab, campaign: Campaign) -> set[str]:
    """Recipes that are trained next, by their hashes."""
    open_tests = {digest for test in campaign.decider.active for digest in (test.champion, test.candidate)}
    return open_tests | {need.key.recipe for need in campaign.decider.outstanding} | {lab.generation_recipes()[-1]}


def _places(lab: Lab, digest: str) -> list[Path] | None:
    """Folders of the view that a recipe selects, and what it is made of; None: it can't be made again."""
    from assay.corpus.views.selection import steps_of  # heavy, and few labs have views
    from assay.corpus.views.view import places

    recipe = {lab.config.start.hash: lab.config.start, **lab.store.recipes()}[digest]
    try:
        return places(lab.corpus_dir, steps_of(recipe.data, lab.folder / QUALITY))
    except UserError:
        return None
