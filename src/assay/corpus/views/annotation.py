"""What a step left of a corpus' training documents: which ones, and the texts that it changed."""

import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from assay.corpus.steps.account import Account
from assay.corpus.steps.engine import Story
from assay.corpus.steps.step import Judged
from assay.corpus.workfolder import sync_tree

if TYPE_CHECKING:
    from assay.corpus.views.training import TrainingBatch

_ACCOUNT = "account.json"


class Annotation(NamedTuple):
    """A step's annotation. Documents go by their numbers among all training documents of the corpus.

    Attributes:
        kept: (K,) int64, ascending.
        changed: (C,) int64, ascending, those whose text is no longer that of the corpus.
        offsets: (C + 1,) int64, where their texts are in `data`.
        data: uint8, UTF-8.
    """

    kept: np.ndarray
    changed: np.ndarray
    offsets: np.ndarray
    data: np.ndarray

    def text(self, number: int) -> bytes | None:
        """The text of a document where it was changed."""
        place = int(np.searchsorted(self.changed, number))
        if place == len(self.changed) or self.changed[place] != number:
            return None
        return self.data[self.offsets[place] : self.offsets[place + 1]].tobytes()


@cache
def read_annotation(folder: Path) -> Annotation:
    """Mapped into memory."""
    kept, changed, offsets = (np.load(folder / f"{name}.npy", mmap_mode="r") for name in ("kept", "changed", "offsets"))
    data = np.memmap(folder / "texts", np.uint8, "r") if offsets[-1] else np.zeros(0, np.uint8)
    return Annotation(kept, changed, offsets, data)


def account_of(folder: Path) -> Account:
    """What the step did."""
    return Account.parse(json.loads((folder / _ACCOUNT).read_text(encoding="utf-8")), str(folder))


class AnnotationOutput:
    """Where a step's annotation goes: a folder, under its name only once it is whole."""

    def __init__(self, final: Path) -> None:
        self._final = final

    def open(self, work: Path, shards: Sequence[str]) -> None:  # noqa: ARG002
        self._folder = work / "annotation"
        self._folder.mkdir()
        self._texts = (self._folder / "texts").open("xb")
        self._kept: list[np.ndarray] = []
        self._changed: list[int] = []
        self._sizes: list[int] = []

    def part(self, batch: "TrainingBatch", judged: Judged) -> tuple[np.ndarray, list[int], list[bytes]]:
        """Numbers of documents that stay, of those whose text is not the corpus' own, and these texts."""
        numbers = batch.numbers
        alive = np.ones(len(numbers), bool)
        alive[list(judged.removed)] = False
        texts = {place: text for place, text in batch.rewritten.items() if alive[place]}
        texts |= {place: text.encode() for place, text in judged.texts.items() if alive[place]}
        places = sorted(texts)
        return numbers[alive], numbers[places].tolist(), [texts[place] for place in places]

    def write(self, shard: int, part: tuple[np.ndarray, list[int], list[bytes]]) -> None:  # noqa: ARG002
        kept, changed, texts = part
        self._kept.append(kept)
        self._changed += changed
        self._sizes += [len(text) for text in texts]
        self._texts.write(b"".join(texts))

    def publish(self, story: Story) -> None:
        self._texts.close()
        np.save(self._folder / "kept.npy", np.concatenate([np.zeros(0, np.int64), *self._kept]))
        np.save(self._folder / "changed.npy", np.array(self._changed, np.int64))
        np.save(self._folder / "offsets.npy", np.concatenate([[0], np.cumsum(self._sizes, dtype=np.int64)]))
        for name, said in (
            (_ACCOUNT, story.account.model_dump(mode="json", by_alias=True)),
            ("report.json", {"parameters": story.parameters, **story.report}),
        ):
            _write_json(self._folder / name, said)
        sync_tree(self._folder)
        if not self._final.exists():
            self._folder.rename(self._final)


def _write_json(path: Path, said: Any) -> None:
    path.write_text(json.dumps(said, indent=2) + "\n", encoding="utf-8")
