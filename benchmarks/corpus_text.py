"""Text for the benchmarks of `corpus.py`: the shared corpora, as much of them as is asked for."""

from collections.abc import Iterator
from itertools import zip_longest
from pathlib import Path

import numpy as np
from harness import Missing

from assay.corpus.records import read_jsonl


def documents(shared: Path, size: int, seed: int = 0) -> Iterator[bytes]:
    """Documents of all domains in turn, `size` bytes in all; from the second time on with one letter in 2,000 changed.

    Raises:
        Missing: the shared folder has no corpora.
    """
    paths = sorted((shared / "corpora").glob("*.jsonl.zst"))
    if not paths:
        raise Missing(f"there are no corpora in {shared}; name the folder with --shared or ASSAY_SHARED")
    draw = np.random.default_rng(seed)
    left, again = size, False
    while left > 0:
        for turn in zip_longest(*(read_jsonl(path, "") for path in paths)):
            for document in turn:
                if document is None or left <= 0:
                    continue
                text = document.text.encode()
                yield _changed(text, draw) if again else text
                left -= len(text)
        again = True


def _changed(text: bytes, draw: np.random.Generator) -> bytes:
    letters = np.frombuffer(text, np.uint8).copy()
    places = draw.integers(0, len(letters), max(1, len(letters) // 2000))
    places = places[(letters[places] >= ord("a")) & (letters[places] <= ord("z"))]
    letters[places] = draw.integers(ord("a"), ord("z") + 1, len(places))
    return letters.tobytes()
