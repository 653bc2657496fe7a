"""Topics that were planted are found again, with their own words."""

import random

import numpy as np

from assay.corpus.analysis.topics import find_topics

VOCABULARY = {
    "sea": ["ship", "harbour", "sailor", "anchor", "storm", "island", "captain", "mast", "tide", "rope"],
    "law": ["court", "judge", "contract", "statute", "appeal", "verdict", "plaintiff", "clause", "tort", "jury"],
    "cells": ["protein", "enzyme", "nucleus", "membrane", "gene", "mutation", "receptor", "tissue", "virus", "cell"],
}
COMMON = ["the", "and", "with", "from", "this", "that"]


def planted(seed: int = 0, each: int = 60) -> tuple[list[str], list[str]]:
    draw = random.Random(seed)
    texts, truth = [], []
    for name, words in VOCABULARY.items():
        for _ in range(each):
            texts.append(" ".join(draw.choice(words if draw.random() < 0.5 else COMMON) for _ in range(80)))
            truth.append(name)
    return texts, truth


def test_clusters_do_not_mix_planted_topics_and_their_words_are_the_planted_ones() -> None:
    texts, truth = planted()
    found = find_topics(texts, np.ones(len(texts)))
    assert sorted(i for topic in found for i in topic.members) == list(range(len(texts)))
    for topic in found:
        [name] = {truth[i] for i in topic.members}
        assert set(topic.words[:5]) <= set(VOCABULARY[name])


def test_shares_weigh_documents() -> None:
    texts, truth = planted()
    weights = np.array([3.0 if name == "sea" else 1.0 for name in truth])
    share = sum(t.share for t in find_topics(texts, weights) if truth[t.members[0]] == "sea")
    assert np.isclose(share, 3 / 5)


def test_the_same_seed_gives_the_same_topics() -> None:
    texts, _ = planted(1)
    assert find_topics(texts, np.ones(len(texts)), 5) == find_topics(texts, np.ones(len(texts)), 5)


def test_scripts_without_spaces_have_words_too() -> None:
    texts = ["海の船が港に入る" * 5] * 15 + ["裁判所の判決文書だ" * 5] * 15
    for topic in find_topics(texts, np.ones(30)):
        assert len({i < 15 for i in topic.members}) == 1
        assert all(len(word) == 2 for word in topic.words)


def test_too_little_to_cluster_gives_none() -> None:
    assert find_topics([], np.ones(0)) == []
    assert find_topics(["one text only"] * 5, np.ones(5)) == []
    assert find_topics(["!!! 123"] * 40, np.ones(40)) == []
