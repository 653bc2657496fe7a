"""A folder with a lab's text: documents taken in, then cleaned and deduplicated by steps that are easy to follow."""

import json
import random
from pathlib import Path
from typing import Any

from assay.corpus.documents import Source
from assay.corpus.editions.edition import newest_edition
from assay.corpus.ingest.add import Intake, add
from assay.corpus.steps.lab import run_in_lab
from tests.corpus.steps.toy import ToyClean, ToyDedup

#: What a document may hold.
HOSTILE = (
    "<script>document.title='owned'</script><img src=x onerror=alert(1)> \u202egnitirw fo noitcerid \u0000 "
    "\"'&</bdi></p></div></details></section> and then goes on."
)
WORDS = ["night", "house", "river", "letter", "garden", "window", "morning", "silence", "stone", "candle", "road"]


def records(count: int, seed: int = 0) -> list[dict[str, Any]]:
    """Every seventh text was there before, every fifth is spam, every third has a colour."""
    draw = random.Random(seed)
    made: list[dict[str, Any]] = []
    for i in range(count):
        words = " ".join(draw.choice(WORDS) for _ in range(draw.randint(20, 60)))
        text = f"{seed}-{i} {words}." + " spam" * (i % 5 == 0) + "\nThe colour of it." * (i % 3 == 0)
        if i % 7 == 0 and i:
            text = made[i - 1]["text"]
        made.append(
            {
                "id": f"doc-{seed}-{i}",
                "text": text,
                "licence": "CC0-1.0" if i % 2 else "MIT",
                "date": f"{1900 + i}-05-01",
            }
        )
    return made


def write(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def make_editions(folder: Path, count: int = 60) -> list[Path]:
    """The folders of three editions: taken in, cleaned, deduplicated."""
    prose = [*records(count), {"id": "evil", "text": HOSTILE + " safe" * 50, "licence": "<b>free</b>"}]
    sources = (
        Source("prose", str(write(folder / "prose.jsonl", prose))),
        Source("verse", str(write(folder / "verse.jsonl", records(count, 1)))),
    )
    lab = folder / "lab"
    lab.mkdir(exist_ok=True)
    add(lab, Intake(sources))
    found = [newest_edition(lab).folder]
    for step in (ToyClean(), ToyDedup()):
        run_in_lab(step, lab)
        found.append(newest_edition(lab).folder)
    return found
