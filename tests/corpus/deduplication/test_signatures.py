"""Signatures estimate Jaccard similarity without bias, and candidates follow the S-curve."""

import numpy as np
import pytest

from assay.corpus.deduplication.bands import Banding, candidates, unique_pairs
from assay.corpus.deduplication.shingles import Shingles
from assay.corpus.deduplication.signatures import EMPTY, signatures

SIZE = 112


def pairs_of_sets(size: int, similarity: float, count: int, seed: int = 0) -> tuple[Shingles, float]:
    """`count` pairs of random sets of `size` hashes, and the Jaccard similarity of each pair."""
    shared = round(2 * size * similarity / (1 + similarity))
    drawn = np.random.default_rng(seed).integers(0, 1 << 63, (count, 2 * size - shared), dtype=np.uint64)
    hashes = np.stack((drawn[:, :size], drawn[:, size - shared :]), axis=1)
    return Shingles(hashes.reshape(-1), np.arange(2 * count + 1) * size), shared / (2 * size - shared)


@pytest.mark.parametrize(("size", "similarity"), [(1, 1.0), (5, 0.6), (30, 0.7), (300, 0.3), (1500, 0.8)])
def test_the_share_of_equal_values_is_the_jaccard_similarity(size: int, similarity: float) -> None:
    shingles, exact = pairs_of_sets(size, similarity, 200)
    found = signatures(shingles, SIZE)
    assert not (found == EMPTY).any()
    equal = (found[0::2] == found[1::2]).mean(axis=1)
    # As precise as K independent permutations, or more so; the mean of 200 within 4 standard errors.
    deviation = (exact * (1 - exact) / SIZE) ** 0.5
    assert equal.std() <= 1.15 * deviation + 1e-9
    assert abs(equal.mean() - exact) <= 4 * deviation / 200**0.5 + 1e-9


def test_a_signature_does_not_depend_on_order_repeats_or_company() -> None:
    drawn = np.random.default_rng(1).integers(0, 1 << 63, 40, dtype=np.uint64)
    other = np.concatenate((drawn[::-1], drawn[:7]))
    alone = signatures(Shingles(drawn, np.array([0, 40])), SIZE)
    both = signatures(Shingles(np.concatenate((other, drawn[:3])), np.array([0, 47, 47, 50])), SIZE)
    assert (alone[0] == both[0]).all()
    assert (both[1] == EMPTY).all()
    assert (both[2] != EMPTY).all()


@pytest.mark.parametrize("similarity", [0.5, 0.6, 0.7, 0.8, 0.9])
def test_candidates_follow_the_s_curve(similarity: float) -> None:
    shingles, exact = pairs_of_sets(400, similarity, 600)
    banding = Banding()
    keys = banding.keys(signatures(shingles, SIZE))
    found = (keys[0::2] == keys[1::2]).any(axis=1).mean()
    expected = float(banding.probability(exact))
    assert abs(found - expected) < 0.02 + 4 * (expected * (1 - expected) / 600) ** 0.5


def test_candidates_are_pairs_with_equal_keys() -> None:
    keys = np.random.default_rng(2).integers(1, 12, 60, dtype=np.uint64) << np.uint64(40)
    keys[::9] = 0  # no words
    found = {(int(a), int(b)) for a, b in candidates(keys)}
    assert found <= {(a, b) for a in range(60) for b in range(a + 1, 60) if keys[a] == keys[b] != 0}
    # Enough of them to join all documents of a key.
    for key in set(keys.tolist()) - {0}:
        mine = np.flatnonzero(keys == key).tolist()
        assert {(mine[0], other) for other in mine[1:]} <= found
    assert len(found) <= 2 * len(keys)


def test_unique_pairs() -> None:
    pairs = np.array([[3, 4], [0, 4], [3, 4], [0, 1]])
    assert unique_pairs(pairs, 5).tolist() == [[0, 1], [0, 4], [3, 4]]
