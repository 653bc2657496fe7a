"""Near duplicates: MinHash signatures, candidates by bands, verified Jaccard similarity.

Broder 1997, "On the resemblance and containment of documents"; Lee et al. 2021, "Deduplicating Training Data Makes
Language Models Better" (arXiv:2107.06499), section 4.2, for its use on training text.
"""

from dataclasses import dataclass, field

import numpy as np

from assay.corpus.deduplication.bands import Banding, candidates, unique_pairs
from assay.corpus.deduplication.clusters import removals
from assay.corpus.deduplication.equal import text_hashes
from assay.corpus.deduplication.shingles import Shingles, shingles_of
from assay.corpus.deduplication.signatures import signatures
from assay.corpus.deduplication.similarity import ShingleSets, jaccard, jaccards, joined, sets_of
from assay.corpus.deduplication.words import blocks, chosen, words_of
from assay.corpus.texts import Texts

#: Copies with one word in twenty changed share about 0.63 of their runs of five words.
SIMILARITY = 0.6


@dataclass(frozen=True)
class Removed:
    """Documents that go.

    Attributes:
        alike: (pairs, 2), candidates that are similar enough.
        gone: by number, in ascending order: the one that stays for it, and their Jaccard similarity.
    """

    alike: np.ndarray
    gone: dict[int, tuple[int, float]]


@dataclass(frozen=True)
class NearDuplicates:
    """What counts as near duplicates, and how they are found.

    Attributes:
        similarity: least Jaccard similarity of their shingles.
        ngram: words of a shingle.
        banding: how candidates are found.
    """

    similarity: float = SIMILARITY
    ngram: int = 5
    banding: Banding = field(default_factory=Banding)

    def shingles(self, texts: Texts) -> Shingles:
        """The shingles of texts; one of all its bytes for a text without words."""
        words = words_of(texts)
        found = shingles_of(words, self.ngram)
        bare = np.flatnonzero((words.counts == 0) & (texts.sizes > 0))
        if not len(bare):
            return found
        hashes = np.insert(found.hashes, found.offsets[bare], text_hashes(chosen(texts, bare))[:, 0])
        return Shingles(hashes, found.offsets + np.searchsorted(bare, np.arange(len(texts) + 1)))

    def keys(self, texts: Texts) -> np.ndarray:
        """(N, tables) uint64, keys under which candidates are looked for."""
        found = [
            self.banding.keys(signatures(self.shingles(block), self.banding.permutations)) for block in blocks(texts)
        ]
        return np.concatenate([np.empty((0, self.banding.tables), np.uint64), *found])

    def sets(self, texts: Texts) -> ShingleSets:
        """The sets of shingles of texts."""
        return joined([sets_of(self.shingles(block)) for block in blocks(texts)])

    def removed(self, sets: ShingleSets, pairs: np.ndarray) -> Removed:
        """Which documents go, given candidates."""
        found = jaccards(sets, pairs, self.similarity)
        alike = found >= self.similarity
        gone = removals(pairs[alike], found[alike], self.similarity, lambda a, b: jaccard(sets[a], sets[b]))
        return Removed(pairs[alike], dict(sorted(gone.items())))

    def of(self, texts: Texts) -> Removed:
        """Which of some texts go, all in memory."""
        pairs = np.concatenate([np.empty((0, 2), np.int64), *map(candidates, self.keys(texts).T)])
        return self.removed(self.sets(texts), unique_pairs(pairs, len(texts)))
