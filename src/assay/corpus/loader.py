"""Training batches: random windows of memory-mapped token streams, each a pure function of seed and number."""

from pathlib import Path

import numpy as np

from assay.corpus.manifest import open_corpus
from assay.spec.errors import UserError

_WORDS = 4  # 64-bit words that Philox makes for each value of its counter
_UNIT = 2.0**-53


class Batches:
    """Batches of a corpus, as in nanoGPT: a random window of context + 1 tokens for every sequence.

    Sequence number i = step · batch + row takes its randomness from counter value i of a Philox generator whose
    key is the seed (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3"): one word chooses the
    domain, one the place. Hence a run resumes exactly from its step number alone, and runs that differ in batch size or
    mixture still read in the same order as far as they can.

    Args:
        folder: corpus folder.
        mixture: weight of each domain, zero or more, at least one positive; domains left out weigh zero. None: in
            proportion to training tokens.
        context: tokens a sequence.
        batch: sequences a step.
        seed: data order.

    Raises:
        UserError: the mixture names a domain that the corpus lacks, or a domain is shorter than the context.
    """

    def __init__(self, folder: Path, mixture: dict[str, float] | None, context: int, batch: int, seed: int) -> None:
        manifest = open_corpus(folder)
        names = sorted(manifest.domains)
        if mixture is None:
            mixture = {name: float(tokens) for name, tokens in manifest.train_tokens().items()}
        weights = dict.fromkeys(names, 0.0) | mixture
        for name, weight in weights.items():
            if name not in manifest.domains:
                raise UserError(
                    f"data.mixture names domain '{name}', which corpus {manifest.id} lacks; it has: {', '.join(names)}"
                )
            tokens = manifest.domains[name].train.tokens
            if weight > 0 and tokens <= context:
                raise UserError(
                    f"domain '{name}' has {tokens} training tokens, too few for data.context {context}; "
                    f"shorten the context, give the domain more text, or set its weight to zero"
                )
        used = [name for name in names if weights[name] > 0]
        assert used, "recipes check that a weight is positive"
        shares = np.array([weights[name] for name in used])
        self.domains = tuple(used)
        self.context, self.batch, self.seed = context, batch, seed
        self._bounds = np.cumsum(shares / shares.sum())[:-1]
        self._streams = [_Stream(folder, manifest.domains[name].train.shards) for name in used]
        self._starts = np.array([stream.length - context for stream in self._streams], dtype=np.float64)

    def draw(self, step: int) -> tuple[np.ndarray, np.ndarray]:
        """Index into `domains` and first token of each sequence of a step, both of shape (batch,)."""
        generator = np.random.Philox(key=self.seed, counter=step * self.batch)
        words_BW = generator.random_raw(_WORDS * self.batch).reshape(self.batch, _WORDS)
        uniform_B2 = (words_BW[:, :2] >> np.uint64(11)) * _UNIT
        domain_B = np.searchsorted(self._bounds, uniform_B2[:, 0], side="right")
        return domain_B, (uniform_B2[:, 1] * self._starts[domain_B]).astype(np.int64)

    def batch_at(self, step: int) -> tuple[np.ndarray, np.ndarray]:
        """Inputs and targets of a step, counted from 0: int64 arrays of shape (batch, context), new at every call."""
        window_BT = np.empty((self.batch, self.context + 1), dtype=np.int64)
        for row_T, domain, start in zip(window_BT, *(part.tolist() for part in self.draw(step)), strict=True):
            self._streams[domain].read(start, row_T)
        return window_BT[:, :-1].copy(), window_BT[:, 1:].copy()


class _Stream:
    """The shards of a domain as one sequence of tokens."""

    def __init__(self, folder: Path, shards: tuple[str, ...]) -> None:
        # Plain views: slicing a memmap itself takes several times as long.
        self._shards = [np.asarray(np.memmap(folder / shard, dtype="<u2", mode="r")) for shard in shards]
        self._ends = np.cumsum([len(shard) for shard in self._shards])
        self.length = int(self._ends[-1])

    def read(self, start: int, into_T: np.ndarray) -> None:
        """Copy tokens from `start` on, across shard borders."""
        index = int(np.searchsorted(self._ends, start, side="right")) if len(self._shards) > 1 else 0
        filled = 0
        while filled < len(into_T):
            shard = self._shards[index]
            offset = start + filled - (int(self._ends[index]) - len(shard))
            piece = shard[offset : offset + len(into_T) - filled]
            into_T[filled : filled + len(piece)] = piece
            filled += len(piece)
            index += 1
