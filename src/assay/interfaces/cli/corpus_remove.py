"""`assay corpus remove`."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from assay.interfaces.cli.shared import Json, Words, count, find_lab, print_json
from assay.spec.errors import UserError


def remove(
    *words: Words,
    reason: Annotated[str, Parameter(help="Why, in a few words; `assay corpus show` tells it.")] = "",
    json: Json = False,
) -> None:
    """Remove documents for good: assay corpus remove [LAB] SOURCE|HASH...

    SOURCE is what documents name as their source (`assay corpus show` tells it), HASH the beginning, 8 hex digits or
    more, of the SHA-256 of a text, as it came in or as it is.

    The documents leave every edition, which get new ids, and the counts of every step. A corpus that held them is made
    anew and takes the old one's place. If runs were trained on it, its text is deleted instead, nothing is trained on
    it any more, and a second corpus is made for a new lab. Labels and pages in the lab's folder that quote them go too.
    What was done is written down in text/removals/, without any text; `assay corpus show` still knows the documents.

    Examples:

        assay corpus remove mylab example.org/blog --reason "asked by its author"
        assay corpus remove mylab 9f86d081884c7d65 2c26b46b68ffc68f --json
    """
    from assay.campaign.lab import Lab
    from assay.campaign.removal import remove_documents
    from assay.corpus.removal.request import Request
    from assay.interfaces.cli.progress import corpus_progress

    in_lab = bool(words) and (Path(words[0]) / "lab.toml").is_file()
    asked = words[1:] if in_lab else words
    if not asked:
        raise UserError("nothing named; expected: assay corpus remove [LAB] SOURCE|HASH...")
    lab = Lab(find_lab(Path(words[0]) if in_lab else None))
    try:
        with corpus_progress(quiet=json) as progress:
            facts = remove_documents(lab, Request(asked, reason), progress)
    finally:
        lab.close()
    if json:
        print_json(facts)
        return
    print(f"{count(facts['documents'], 'document')} removed for good.")
    for word in facts["not_found"]:
        print(f"  no document has the source or hash {word}")
    for old, new in facts["editions"].items():
        print(f"  edition {old} was written again as {new}")
    for name in facts["deleted_editions"]:
        print(f"  edition {name}, apart from the present line, was deleted")
    for name, what in facts["corpora"].items():
        became = f", corpus {what['became']} takes its place" if what["became"] else ""
        print(f"  corpus {name} held {what['documents']} of them{became}: {what['note']}")
    for name in facts["files"]["shortened"]:
        print(f"  {name} lost the lines that quoted them")
    for name in facts["files"]["deleted"]:
        print(f"  {name} was deleted, since it showed the text as it was")
    for name in facts["files"]["left"]:
        print(f"  {name} still quotes them; it is not assay's own: take them out yourself")
    for name in facts["files"]["unread"]:
        print(f"  {name} is too large to be looked through; see yourself whether it quotes them")
