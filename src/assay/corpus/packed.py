"""Sequences of data.packing = best_fit: each row of the packing once an epoch, in an order drawn by the seed."""

from collections.abc import Sequence
from hashlib import sha256

import numpy as np

from assay.corpus.packing import Packing
from assay.corpus.streams import Stream

IGNORED = -100  # target of padding, as `torch.nn.functional.cross_entropy` has it


class PackedRows:
    """Rows of pieces of documents.

    Every token of a domain is a target exactly once an epoch. A document's first token is predicted from the end of
    text before it, that of a piece cut from a document from the token before it, as in evaluation. The rest of a row is
    padding: inputs are end of text, targets are ignored.

    Args:
        packing: of the corpus.
        streams: of the domains that are used.
        numbers: of these domains among all of the corpus, in order of names.
    """

    def __init__(
        self, packing: Packing, streams: list[Stream], names: Sequence[str], numbers: Sequence[int],
        context: int, end_of_text: int, seed: int,
    ) -> None:  # fmt: skip
        self._packing, self._streams, self._names = packing, streams, names
        self._context, self._end_of_text, self._seed = context, end_of_text, seed
        ends = packing.domains_D
        self._ranges = [(int(ends[number]), int(ends[number + 1])) for number in numbers]
        self._epochs = [-1] * len(streams)  # in which `_orders` are
        self._orders = [np.empty(0, dtype=np.int64)] * len(streams)

    def pick(self, domain_B: np.ndarray, _uniform_B: np.ndarray, before_D: np.ndarray) -> np.ndarray:
        """Row of each sequence, given how many rows of each domain were drawn before."""
        drawn, rows = before_D.tolist(), []
        for domain in domain_B.tolist():
            begin, end = self._ranges[domain]
            epoch, place = divmod(drawn[domain], end - begin)
            drawn[domain] += 1
            rows.append(begin + int(self._order(domain, epoch)[place]))
        return np.array(rows)

    def targets(self, drawn_D: np.ndarray, domain_B: np.ndarray, row_B: np.ndarray) -> np.ndarray:
        """(D,) targets by domain that are not padding."""
        size_B = self._packing.rows_R2[row_B + 1, 1] - self._packing.rows_R2[row_B, 1]
        return np.bincount(domain_B, size_B, len(drawn_D)).astype(np.int64)

    def read(self, domain_B: np.ndarray, row_B: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Inputs, targets and where documents begin, each (B, T). Padding begins a document of its own."""
        shape = (len(row_B), self._context)
        tokens_BT = np.full(shape, self._end_of_text)
        targets_BT = np.full(shape, IGNORED)
        begins_BT = np.zeros(shape, dtype=bool)
        first_B, last_B = self._packing.rows_R2[row_B, 0].tolist(), self._packing.rows_R2[row_B + 1, 0].tolist()
        for row, domain in enumerate(domain_B.tolist()):
            tokens_T, targets_T, begins_T = tokens_BT[row], targets_BT[row], begins_BT[row]
            shards, at = self._streams[domain].shards, 0
            for shard, start, length in self._packing.pieces_N3[first_B[row] : last_B[row]].tolist():
                piece, end = shards[shard][start : start + length], at + length
                targets_T[at:end] = piece
                tokens_T[at + 1 : end] = piece[:-1]
                if start:
                    tokens_T[at] = shards[shard][start - 1]
                begins_T[at] = True
                at = end
            begins_T[at : at + 1] = True
        return tokens_BT, targets_BT, begins_BT

    def _order(self, domain: int, epoch: int) -> np.ndarray:
        if self._epochs[domain] != epoch:
            begin, end = self._ranges[domain]
            salt = int.from_bytes(sha256(f"{self._names[domain]} {epoch}".encode()).digest()[:8])
            words = np.random.Philox(key=self._seed + (salt << 64)).random_raw(end - begin)
            self._epochs[domain], self._orders[domain] = epoch, np.argsort(words, kind="stable")
        return self._orders[domain]
