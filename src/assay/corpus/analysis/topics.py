"""What a corpus is about: clusters of its documents by the words they use, with the words that tell each apart.

Words are weighted by tf-idf, projected on the directions of greatest variance (latent semantic analysis: Deerwester et
al. 1990) and clustered by k-means on the unit sphere (Dhillon & Modha 2001).
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import svds

#: Of a text, the beginning is enough to say what it is about.
LONGEST = 8 << 10
MOST_TOPICS = 16
_FEWEST = 8  # documents a topic, below which there are fewer topics
_WORDS = 20_000
_DIRECTIONS = 48
_STARTS = 4
_ROUNDS = 40
_PRIOR = 500.0  # words of the whole corpus that each cluster is thought to hold beside its own

# Scripts without spaces between words are taken two characters at a time.
_DENSE = "\u0e00-\u0e7f\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff"
_WORD = re.compile(rf"[{_DENSE}]+|[^\W\d_{_DENSE}]{{3,30}}")


@dataclass(frozen=True)
class Topic:
    """A cluster of documents.

    Attributes:
        words: those that tell it from the rest, the most telling first.
        share: of all documents, by the weights given.
        members: places of its documents, the most typical first.
    """

    words: tuple[str, ...]
    share: float
    members: tuple[int, ...]


def find_topics(texts: Sequence[str], weights: np.ndarray, seed: int = 0) -> list[Topic]:
    """Topics of N texts, the largest first; none where there are too few texts or words.

    Args:
        weights: (N,) how many documents of the corpus each text stands for.
        seed: of the random numbers.
    """
    counts_NV, words = _count([text[:LONGEST] for text in texts])
    number = min(MOST_TOPICS, len(texts) // _FEWEST, len(words) // 3)
    if number < 2:
        return []
    points_ND = _project(counts_NV, seed)
    owner_N = _cluster(points_ND, number, np.random.default_rng(seed))
    topics: list[Topic] = []
    total_V = np.asarray(counts_NV.sum(0)).ravel()
    for topic in range(number):
        members = np.flatnonzero(owner_N == topic)
        if not len(members):
            continue
        centre_D = points_ND[members].sum(0)
        typical = members[np.argsort(-(points_ND[members] @ centre_D), kind="stable")]
        own_V = np.asarray(counts_NV[members].sum(0)).ravel()
        best = np.argsort(-_telling(own_V, total_V), kind="stable")[:12]
        share = float(weights[members].sum() / weights.sum())
        topics.append(Topic(tuple(words[i] for i in best if own_V[i]), share, tuple(typical.tolist())))
    return sorted(topics, key=lambda found: (-found.share, found.members))


def _words(text: str) -> list[str]:
    found: list[str] = []
    for word in _WORD.findall(text.lower()):
        if word[0] >= "\u0e00" and re.match(f"[{_DENSE}]", word):
            found += [word[i : i + 2] for i in range(len(word) - 1)]
        else:
            found.append(word)
    return found


def _count(texts: Sequence[str]) -> tuple[Any, list[str]]:
    """Counts of words that are neither rare nor everywhere, as a sparse matrix (N, V), and the words."""
    bags = [Counter(_words(text)) for text in texts]
    spread: Counter[str] = Counter()
    for bag in bags:
        spread.update(bag.keys())
    least, most = (3 if len(texts) >= 100 else 2), 0.4 * len(texts)
    usual = [word for word, documents in spread.items() if least <= documents <= most]
    words = sorted(sorted(usual, key=lambda word: (-spread[word], word))[:_WORDS])
    place = {word: i for i, word in enumerate(words)}
    rows, columns, values = [], [], []
    for row, bag in enumerate(bags):
        for word, count in bag.items():
            if word in place:
                rows.append(row)
                columns.append(place[word])
                values.append(count)
    shape = (len(texts), len(words))
    return sparse.csr_matrix((np.array(values, np.float64), (rows, columns)), shape), words


def _project(counts_NV: Any, seed: int) -> np.ndarray:
    """Documents as unit vectors (N, D)."""
    weighted = counts_NV.copy()
    weighted.data = 1 + np.log(weighted.data)
    spread_V = np.asarray((counts_NV > 0).sum(0)).ravel()
    weighted = weighted @ sparse.diags(np.log(counts_NV.shape[0] / np.maximum(spread_V, 1)))
    weighted = sparse.diags(1 / np.maximum(sparse.linalg.norm(weighted, axis=1), 1e-12)) @ weighted
    directions = min(_DIRECTIONS, min(weighted.shape) - 1)
    start = np.random.default_rng(seed).standard_normal(min(weighted.shape))
    left, strength, _ = svds(weighted, directions, v0=start)
    # The signs and order of singular vectors are arbitrary, but change no product between documents.
    points_ND = left * strength
    return points_ND / np.maximum(np.linalg.norm(points_ND, axis=1, keepdims=True), 1e-12)


def _cluster(points_ND: np.ndarray, number: int, random: np.random.Generator) -> np.ndarray:
    """The cluster of each point, (N,): the best of some starts by k-means++ (Arthur & Vassilvitskii 2007)."""
    best: tuple[float, np.ndarray] | None = None
    for _ in range(_STARTS):
        centres_KD = _seeds(points_ND, number, random)
        owner_N = np.full(len(points_ND), -1)
        for _ in range(_ROUNDS):
            like_NK = points_ND @ centres_KD.T
            found = like_NK.argmax(1)
            if (found == owner_N).all():
                break
            owner_N = found
            sums_KD = np.zeros_like(centres_KD)
            np.add.at(sums_KD, owner_N, points_ND)
            length_K = np.linalg.norm(sums_KD, axis=1, keepdims=True)
            centres_KD = np.where(length_K > 0, sums_KD / np.maximum(length_K, 1e-12), centres_KD)
        fit = float((points_ND * centres_KD[owner_N]).sum())
        if best is None or fit > best[0] + 1e-9:
            best = fit, owner_N
    assert best is not None
    return best[1]


def _seeds(points_ND: np.ndarray, number: int, random: np.random.Generator) -> np.ndarray:
    chosen = [int(random.integers(len(points_ND)))]
    far_N = np.maximum(0, 1 - points_ND @ points_ND[chosen[0]])
    while len(chosen) < number:
        if not far_N.sum():
            break
        chosen.append(int(random.choice(len(points_ND), p=far_N / far_N.sum())))
        far_N = np.minimum(far_N, np.maximum(0, 1 - points_ND @ points_ND[chosen[-1]]))
    return points_ND[chosen]


def _telling(own_V: np.ndarray, total_V: np.ndarray) -> np.ndarray:
    """How far the use of each word in a cluster lies above that in the rest, in standard errors.

    The log-odds ratio with an informative prior of Monroe, Colaresi & Quinn 2008, "Fightin' Words", equation 22.
    """
    rest_V = total_V - own_V
    prior_V = _PRIOR * total_V / total_V.sum()
    own, rest, prior = own_V.sum(), rest_V.sum(), prior_V.sum()
    in_own, in_rest = own_V + prior_V, rest_V + prior_V
    ratio = np.log(in_own / (own + prior - in_own)) - np.log(in_rest / (rest + prior - in_rest))
    return ratio / np.sqrt(1 / in_own + 1 / in_rest)
