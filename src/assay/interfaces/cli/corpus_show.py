"""`assay corpus show`."""

from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from assay.interfaces.cli.shared import Json, Words, find_lab, print_json, size
from assay.spec.errors import UserError


def show(
    *words: Words,
    characters: Annotated[int, Parameter(help="How much of each text to show.")] = 300,
    json: Json = False,
) -> None:
    """Tell a document's whole story: where it comes from, and what each step did to it, with the reasons.

    Words are [LAB] DOC: the id of a document, alone or as DOMAIN:ID, or at least 6 characters of the SHA-256 of its
    text, as it came in or as it is now. A record without an id is called by its file and line. Documents that were
    removed are found too, those removed on request without their text. In place of the lab stands a folder that a step
    wrote.

    Examples:

        assay corpus show mylab emma.txt
        assay corpus show 3f9a2b17c0
        assay corpus show cleaned/ web.jsonl:17 --json
    """
    from assay.corpus.provenance.in_folder import find_in_folder
    from assay.corpus.provenance.in_lab import find_in_lab

    if not 1 <= len(words) <= 2:
        raise UserError("expected: assay corpus show [LAB] DOC")
    folder = Path(words[0]) if len(words) == 2 else None
    if folder is not None and folder.is_dir() and not (folder / "lab.toml").is_file():
        stories = find_in_folder(folder, words[-1])
    else:
        stories = find_in_lab(find_lab(folder), words[-1])
    facts = [story.facts(characters) for story in stories]
    if json:
        print_json(facts)
        return
    for number, story in enumerate(facts):
        if number:
            print()
        _print(story)


def _print(story: dict[str, Any]) -> None:
    print(f"{story['id'] or story['hash'][:16]} (domain {story['domain']})")
    for name in ("source", "licence", "retrieved", "hash"):
        print(f"  {name:9}  {story[name] or 'unknown'}")
    if story["extra"]:
        print(f"  also       {', '.join(f'{key}: {value}' for key, value in story['extra'].items())}")
    before = None
    for chapter in story["history"]:
        by = ", ".join(chapter["rules"])
        rules = f" {by.removeprefix('removed ')}" if by == "removed on request" else f" by {by}" if by else ""
        detail = f": {chapter['detail']}" if chapter["detail"] else ""
        place = f"in {chapter['place']}" if chapter["place"] else ""
        where = ", ".join(filter(None, (size(chapter["bytes"]) if chapter["bytes"] else "", place)))
        print(f"  {chapter['step'] or 'input':9}  {chapter['fate']}{rules}{detail}{f' ({where})' if where else ''}")
        if chapter["text"] != before:
            print("".join(f"      | {line}\n" for line in chapter["text"].splitlines()), end="")
        before = chapter["text"]
    last = story["history"][-1]
    print("  It was removed." if last["fate"] == "removed"
          else "  It is in the newest edition." if not Path(last["place"]).exists() else "  It was kept.")  # fmt: skip
