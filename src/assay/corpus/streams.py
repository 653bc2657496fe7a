"""The training tokens of a domain as one memory-mapped sequence, however many shards hold it."""

from pathlib import Path

import numpy as np

from assay.corpus.tokenizers.base import token_type


class Stream:
    """The shards of a domain, end to end.

    Attributes:
        shards: tokens of each shard.
        length: tokens in all.
    """

    def __init__(self, folder: Path, shards: tuple[str, ...], vocab: int) -> None:
        kind = token_type(vocab)
        # Plain views: slicing a memmap itself takes several times as long.
        self.shards = [np.asarray(np.memmap(folder / shard, dtype=kind, mode="r")) for shard in shards]
        self._ends = np.cumsum([len(shard) for shard in self.shards])
        self.length = int(self._ends[-1])

    def read(self, start: int, into_T: np.ndarray) -> None:
        """Copy tokens from `start` on, across shard borders."""
        if len(self.shards) == 1:
            into_T[:] = self.shards[0][start : start + len(into_T)]
            return
        index = int(np.searchsorted(self._ends, start, side="right"))
        filled = 0
        while filled < len(into_T):
            shard = self.shards[index]
            offset = start + filled - (int(self._ends[index]) - len(shard))
            piece = shard[offset : offset + len(into_T) - filled]
            into_T[filled : filled + len(piece)] = piece
            filled += len(piece)
            index += 1
