"""data.packing = best_fit: whole documents, packed into contexts so that hardly any is cut.

Best-fit decreasing, after Ding et al. 2024, "Fewer Truncations Improve Language Modeling", section 3: a document longer
than the context is cut into pieces of the context's length and a remainder; all pieces, longest first, go each into
the row with the least room that it fits. So only documents longer than the context are cut.

Which pieces make up which row depends on corpus and context alone. It is worked out once and kept beside the shards, as
`packed-<context>.npy`: one int64 array of numbers of domains, rows and pieces, the rows before each domain (in order of
names), pieces and tokens before each row, and each piece's shard in its domain, first token and length.
"""

import contextlib
import os
import uuid
from bisect import bisect_left, insort
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from assay.corpus.manifest import Manifest, open_corpus
from assay.corpus.streams import Stream


class Pieces(NamedTuple):
    """Pieces of documents; a document's end of text belongs to it."""

    shard: np.ndarray
    start: np.ndarray
    length: np.ndarray


class Packing(NamedTuple):
    """The rows of a corpus at a context length."""

    domains_D: np.ndarray
    """(D + 1,) rows before each domain, in order of their names."""
    rows_R2: np.ndarray
    """(R + 1, 2) pieces and tokens before each row."""
    pieces_N3: np.ndarray
    """(N, 3) shard, first token and length of each piece, row by row."""

    def flat(self) -> np.ndarray:
        """One array, as on disk."""
        sizes = [len(self.domains_D) - 1, len(self.rows_R2) - 1, len(self.pieces_N3)]
        return np.concatenate([sizes, self.domains_D, self.rows_R2.ravel(), self.pieces_N3.ravel()]).astype(np.int64)

    @classmethod
    def of_flat(cls, flat: np.ndarray) -> "Packing":
        """The inverse of `flat`; views of it. Raises `ValueError` if its length is not what it says."""
        domains, rows, pieces = (int(size) for size in flat[:3])
        parts = np.split(flat[3:], np.cumsum([domains + 1, 2 * (rows + 1)]))
        return cls(parts[0], parts[1].reshape(rows + 1, 2), parts[2].reshape(pieces, 3))


def documents(shards: list[np.ndarray], end_of_text: int) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
    """Per shard its number and each document's first token and length. Documents do not reach across shards."""
    for number, shard in enumerate(shards):
        end = np.flatnonzero(shard == end_of_text) + 1
        if not len(end) or end[-1] < len(shard):
            end = np.append(end, len(shard))
        start = np.concatenate([[0], end[:-1]])
        yield number, start, end - start


def cut(shards: list[np.ndarray], end_of_text: int, context: int) -> Pieces:
    """Documents in order; those longer than the context in pieces of its length and a remainder."""
    found: list[Pieces] = []
    for number, start, length in documents(shards, end_of_text):
        count = -(-length // context)
        which = np.repeat(np.arange(len(start)), count)
        offset = context * (np.arange(len(which)) - np.repeat(np.cumsum(count) - count, count))
        found.append(
            Pieces(np.full(len(which), number), start[which] + offset, np.minimum(context, length[which] - offset))
        )
    return Pieces(*(np.concatenate(parts) for parts in zip(*found, strict=True)))


def best_fit(length_N: np.ndarray, context: int) -> tuple[np.ndarray, np.ndarray]:
    """Best-fit decreasing: the order in which pieces are placed, and the row of each, in that order.

    Pieces of one length are placed in the order they come in; of rows with equal room, the one touched last is taken.
    """
    order_N = np.argsort(-length_N, kind="stable")
    full = int(np.count_nonzero(length_N == context))
    row_N = np.arange(len(length_N))
    rows_with: list[list[int]] = [[] for _ in range(context)]  # by the room that they have left
    rooms: list[int] = []  # that any row has left, ascending
    opened = full
    for place, length in enumerate(length_N[order_N[full:]].tolist(), full):
        at = bisect_left(rooms, length)
        if at < len(rooms):
            room = rooms[at]
            row = rows_with[room].pop()
            if not rows_with[room]:
                del rooms[at]
        else:
            room, row = context, opened
            opened += 1
        row_N[place] = row
        if left := room - length:
            if not rows_with[left]:
                insort(rooms, left)
            rows_with[left].append(row)
    return order_N, row_N


def pack(streams: list[list[np.ndarray]], end_of_text: int, context: int) -> Packing:
    """Pack each domain, given its shards, by itself."""
    domains, rows, pieces = [0], [np.zeros((1, 2), dtype=np.int64)], []
    for shards in streams:
        found = cut(shards, end_of_text, context)
        order_N, row_N = best_fit(found.length, context)
        by_row_N = np.argsort(row_N, kind="stable")
        sorted_N3 = np.stack(found, axis=1)[order_N[by_row_N]]
        last_R = np.flatnonzero(np.diff(row_N[by_row_N], append=-1))
        rows.append(rows[-1][-1] + np.stack([last_R + 1, np.cumsum(sorted_N3[:, 2])[last_R]], axis=1))
        domains.append(domains[-1] + len(last_R))
        pieces.append(sorted_N3)
    return Packing(np.array(domains), np.concatenate(rows), np.concatenate(pieces))


def packing_of(folder: Path, context: int) -> Packing:
    """The packing of a corpus folder: read if it was kept, else made and, where the folder may be written, kept."""
    manifest = open_corpus(folder)
    path = folder / f"packed-{context}.npy"
    with contextlib.suppress(OSError, ValueError, EOFError, IndexError):
        kept = Packing.of_flat(np.asarray(np.load(path, mmap_mode="r")))
        if kept.rows_R2[kept.domains_D, 1].tolist() == _tokens_before(manifest):
            return kept
    names = sorted(manifest.domains)
    made = pack(
        [Stream(folder, manifest.domains[name].train.shards, manifest.vocab).shards for name in names],
        manifest.end_of_text,
        context,
    )
    with contextlib.suppress(OSError):  # read-only, or the disk is full: then every run makes it for itself
        _write(path, made.flat())
    return made


def _tokens_before(manifest: Manifest) -> list[int]:
    tokens = [manifest.domains[name].train.tokens for name in sorted(manifest.domains)]
    return [sum(tokens[:number]) for number in range(len(tokens) + 1)]


def _write(path: Path, array: np.ndarray) -> None:
    temporary = path.with_name(f".tmp-{path.name}-{os.getpid()}-{uuid.uuid4().hex[:8]}")
    try:
        with temporary.open("xb") as file:
            np.save(file, array)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
