"""Noise of the web and near duplicates, planted in the training text of a corpus, for `benchmarks/data_work.py`.

Only documents that a lab never holds out nor seals get copies, which stay in their groups, and noise is named such that
it is never held out: held-out text is what it is without planting.
"""

import io
import json
import random
from pathlib import Path
from typing import Any

from assay.corpus.documents import id_group
from assay.corpus.split import draw

#: Least draw of a group that is surely trained on; those below 0.15 may be held out or sealed.
TRAINED = 0.25 * 2**63
COPIED = 0.35  # share of documents with near copies
MOST_COPIES = 4
EDITED = 0.02  # share of a copy's words that are others
NOISE = 0.25  # bytes of noise, as a share of the text

MENU = ("Home", "About us", "Contact", "Log in", "Sign up", "Cart (0)", "Search", "Help", "Share", "Next »", "« Back")
COOKIES = (
    "We use cookies to improve your experience. Accept all | Reject | Settings",
    "Please enable javascript in your browser to view this page",
    "By clicking you agree to our terms of use and privacy policy",
    "Subscribe to our newsletter - Enter your e-mail - Submit",
)


def plant(records: list[dict[str, Any]], target: Path, seed: int = 0) -> None:
    """Write records as JSONL with what is planted among them."""
    random_ = random.Random(f"{target.name} {seed}")
    words = [word for record in random_.sample(records, min(200, len(records))) for word in record["text"].split()]
    size = sum(len(record["text"].encode()) for record in records)
    with target.open("w", encoding="utf-8") as file:
        for record in records:
            _write(file, record)
            if draw(id_group(record["id"])) > TRAINED and random_.random() < COPIED:
                for copy in range(random_.randint(1, MOST_COPIES)):
                    text = _edited(record["text"], words, random_)
                    _write(
                        file, {**record, "id": f"{record['id'].partition('#')[0]}#{record['id']}/{copy}", "text": text}
                    )
        written, number = 0, 0
        while written < NOISE * size:
            number += 1
            name = f"planted:{target.name}:{number}"
            if draw(id_group(name)) > TRAINED:
                text = random_.choice((_menu, _cookies, _keywords, _symbols))(random_, words)
                _write(file, {"id": name, "text": text, "source": "planted", "licence": "CC0-1.0"})
                written += len(text.encode())


def write(records: list[dict[str, Any]], target: Path) -> None:
    """Write records as JSONL."""
    with target.open("w", encoding="utf-8") as file:
        for record in records:
            _write(file, record)


def _write(file: io.TextIOBase | Any, record: dict[str, Any]) -> None:
    file.write(json.dumps(record, ensure_ascii=False) + "\n")


def _edited(text: str, words: list[str], random_: random.Random) -> str:
    """Some words replaced, the space between them as it was."""
    parts = text.split(" ")
    for place in random_.sample(range(len(parts)), int(EDITED * len(parts))):
        parts[place] = random_.choice(words)
    return " ".join(parts)


def _menu(random_: random.Random, words: list[str]) -> str:
    lines = [*MENU, *(random_.choice(words) for _ in range(8))]
    random_.shuffle(lines)
    return "\n".join(line for _ in range(random_.randint(4, 10)) for line in lines)


def _cookies(random_: random.Random, words: list[str]) -> str:
    lines = [random_.choice((*COOKIES, " ".join(random_.choices(words, k=6)))) for _ in range(random_.randint(15, 40))]
    return "\n".join(lines)


def _keywords(random_: random.Random, words: list[str]) -> str:
    """A page that wants to be found: the same few words over and over."""
    few = random_.sample(words, 12)
    return " ".join(random_.choice(few) for _ in range(random_.randint(200, 600)))


def _symbols(random_: random.Random, words: list[str]) -> str:
    rows = [
        " | ".join(f"{random_.randint(0, 99999)}" for _ in range(6)) + f" #{random_.choice(words)} ..."
        for _ in range(random_.randint(20, 60))
    ]
    return "\n".join(rows)
