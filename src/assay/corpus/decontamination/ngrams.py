"""The n-grams of evaluations, and an index that finds them.

A text of at least n words is looked for by every run of n of its words (n = 13 as in Brown et al. 2020, "Language
Models are Few-Shot Learners", appendix C); a shorter one as a whole, from `LEAST_WORDS` on; a still shorter one not.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from assay.corpus.decontamination.blocks import Block, blocks
from assay.corpus.texts import Texts

NGRAM = 13
#: Fewer words are no evidence of where they come from: in 92 MB of text without any of the 19,376 items of ARC-easy,
#: BLiMP and HellaSwag, 5 words and 4 found one document, 3 found two.
LEAST_WORDS = 4
#: A table of so many bits an entry lets one in as many foreign n-grams through to the exact search.
_BITS_AN_ENTRY = 32


@dataclass(frozen=True)
class NGrams:
    """N-grams of items, arrays (G,), in ascending order of items.

    Attributes:
        hashes: uint64.
        sizes: words of each, uint8: n, or fewer for the whole of a short text.
        items: int32, the item it belongs to.
        pieces: int32, the text of it; -1 if that is nobody's business.
        words: int32, the word of that text at which it begins.
        anchors: (A,) uint64, hashes of the first `LEAST_WORDS` words of short ones.
    """

    hashes: np.ndarray
    sizes: np.ndarray
    items: np.ndarray
    pieces: np.ndarray
    words: np.ndarray
    anchors: np.ndarray

    @classmethod
    def joined(cls, parts: Sequence["NGrams"]) -> "NGrams":
        """One after the other."""
        fields = ("hashes", "sizes", "items", "pieces", "words", "anchors")
        return cls(*(np.concatenate([getattr(part, field) for part in parts]) for field in fields))


def ngrams_of(texts: Sequence[str], items: Sequence[int], n: int = NGRAM) -> NGrams:
    """The n-grams of texts that belong to items; one that an item has twice may come once."""
    owners = np.asarray(items, np.int32)
    parts = [_NONE]
    for block in blocks(Texts.of(list(texts)), n - 1):
        grams, bounds = block.words.grams(), block.words.bounds
        counts = np.diff(bounds)
        short = np.flatnonzero((counts >= LEAST_WORDS) & (counts < n))
        long = np.repeat(np.arange(len(counts)), np.maximum(counts - n + 1, 0))
        begin = np.cumsum(np.maximum(counts - n + 1, 0)) - np.maximum(counts - n + 1, 0)
        sizes = np.concatenate([counts[short], np.full(len(long), n)])
        within = np.concatenate([np.zeros(len(short), np.int64), np.arange(len(long)) - begin[long]])
        pieces = np.concatenate([short, long])
        hashes = grams.at(bounds[pieces] + within, sizes)
        places = owners[block.first + pieces]
        once = np.lexsort((pieces, hashes, places))
        new = np.ones(len(once), bool)
        new[1:] = (np.diff(hashes[once]) != 0) | (np.diff(places[once]) != 0)
        once = once[new]
        pieces = (block.first + pieces[once]).astype(np.int32)
        words, anchors = within[once].astype(np.int32), grams.at(bounds[short], LEAST_WORDS)
        parts.append(NGrams(hashes[once], sizes[once].astype(np.uint8), places[once], pieces, words, anchors))
    return NGrams.joined(parts)


_NONE = NGrams(*(np.zeros(0, kind) for kind in (np.uint64, np.uint8, np.int32, np.int32, np.int32, np.uint64)))


class Table:
    """A set of hashes that is quick to say what is not in it."""

    def __init__(self, hashes: np.ndarray) -> None:
        """Of distinct hashes in ascending order, uint64."""
        self._hashes = hashes
        exponent = max(6, int(_BITS_AN_ENTRY * max(1, len(hashes)) - 1).bit_length())
        self._shift = np.uint64(64 - (exponent - 6))
        self._bits = np.zeros(1 << (exponent - 6), np.uint64)
        np.bitwise_or.at(self._bits, self._places(hashes), np.uint64(1) << (hashes & np.uint64(63)))

    def _places(self, hashes: np.ndarray) -> np.ndarray:
        return hashes >> self._shift if len(self._bits) > 1 else np.zeros(len(hashes), np.uint64)

    def find(self, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Which of the values are there, by their places, and where in the set."""
        bits = self._bits[self._places(values)] >> (values & np.uint64(63))
        maybe = np.flatnonzero(bits & np.uint64(1))
        at = np.searchsorted(self._hashes, values[maybe])
        same = self._hashes[np.minimum(at, len(self._hashes) - 1)] == values[maybe] if len(maybe) else maybe == 0
        return maybe[same], at[same]


@dataclass(frozen=True)
class Found:
    """Where n-grams of the index are: the text, the bytes [start, end) of it, and the number of the n-gram."""

    texts: np.ndarray
    starts: np.ndarray
    ends: np.ndarray
    ngrams: np.ndarray


@dataclass(frozen=True)
class Index:
    """Distinct n-grams and the items that have them.

    Attributes:
        n: words of an n-gram of a text that is not short.
        hashes: (D,) uint64, distinct: those of n words in ascending order, then short ones in ascending order.
        sizes: (D,) uint8, words of each.
        long: how many of them have n words.
        anchors: (A,) distinct hashes of the first words of short ones.
        pieces: (D,) int32, a text that has it; -1 if that is nobody's business.
        words: (D,) int32, the word of that text at which it begins.
        bounds: (D+1,) of n-gram d, `items[bounds[d]:bounds[d + 1]]` have it.
        items: int32.
    """

    n: int
    hashes: np.ndarray
    sizes: np.ndarray
    long: int
    anchors: np.ndarray
    pieces: np.ndarray
    words: np.ndarray
    bounds: np.ndarray
    items: np.ndarray

    @classmethod
    def of(cls, rows: NGrams, n: int) -> "Index":
        """Of n-grams in the order of their items."""
        short = rows.sizes < n
        long, first_long, counts_long, items_long = _distinct(rows, np.flatnonzero(~short))
        rest, first_rest, counts_rest, items_rest = _distinct(rows, np.flatnonzero(short))
        first = np.concatenate([first_long, first_rest])
        return cls(
            n=n, hashes=np.concatenate([long, rest]), sizes=rows.sizes[first], long=len(long),
            anchors=np.unique(rows.anchors), pieces=rows.pieces[first], words=rows.words[first],
            bounds=np.concatenate([[0], np.cumsum(np.concatenate([counts_long, counts_rest]))]),
            items=np.concatenate([items_long, items_rest]),
        )  # fmt: skip

    @cached_property
    def _tables(self) -> tuple[Table, Table, Table]:
        return Table(self.hashes[: self.long]), Table(self.anchors), Table(self.hashes[self.long :])

    def find(self, block: Block) -> Found:
        """Every occurrence of an n-gram of the index inside one text of a block; `texts` are numbered within it."""
        words = block.words
        grams = words.grams()
        long, anchors, short = self._tables
        starts, numbers = long.find(grams.all(self.n))
        found = [(starts, np.full(len(starts), self.n), numbers)]
        if len(self.anchors):
            at, _ = anchors.find(grams.all(LEAST_WORDS))
            for size in np.unique(self.sizes[self.long :]).tolist():
                fitting = at[at + size <= len(words.hashes)]
                hits, numbers = short.find(grams.at(fitting, size))
                same = self.sizes[self.long + numbers] == size
                found.append((fitting[hits[same]], np.full(same.sum(), size), self.long + numbers[same]))
        first, sizes, ngrams = (np.concatenate(part) for part in zip(*found, strict=True))
        texts = np.searchsorted(words.bounds, first, "right") - 1
        inside = first + sizes <= words.bounds[texts + 1]
        first, sizes, ngrams, texts = first[inside], sizes[inside], ngrams[inside], texts[inside]
        return Found(texts, words.start(first), words.end(first + sizes - 1), ngrams)


def _distinct(rows: NGrams, chosen: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Distinct hashes in ascending order, the first row of each, how many items have it, and these items."""
    order = chosen[np.argsort(rows.hashes[chosen], kind="stable")]
    hashes, items = rows.hashes[order], rows.items[order]
    new = np.ones(len(order), bool)
    new[1:] = hashes[1:] != hashes[:-1]
    another = new.copy()
    another[1:] |= items[1:] != items[:-1]
    counts = np.bincount(np.cumsum(new)[another] - 1, minlength=int(new.sum()))
    return hashes[new], order[new], counts, items[another]
