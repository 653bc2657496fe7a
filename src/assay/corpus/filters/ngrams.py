"""Word n-grams that occur more than once in a document, for a whole chunk at once."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from assay.corpus.filters.hashes import mix
from assay.corpus.filters.parsed import Parsed

_BASE = np.uint64(0xD6E8FEB86659FD93)
_PART = 1 << 14  # words
_LAST = np.int64(0xFFFFFFFF)


@dataclass(frozen=True)
class Repeats:
    """The n-grams of a size that occur more than once in their document: M occurrences in G groups of equal ones.

    Attributes:
        size: words of an n-gram.
        place: (M,) number of the first word of each occurrence, ascending.
        group: (M,) number of its group.
        first: (G,) place of the first occurrence in each group.
        times: (G,) occurrences in each group.
    """

    size: int
    place: np.ndarray
    group: np.ndarray
    first: np.ndarray
    times: np.ndarray


def repeats(parsed: Parsed, largest: int) -> Iterator[Repeats]:
    """Repeated n-grams of 2, 3, … `largest` words.

    An n-gram can only be repeated where both (n-1)-grams within it are, so that each size looks at what the one before
    left, and only pairs of words are sorted in full.
    """
    words = parsed.words
    hashes = parsed.word_hashes
    document = words.document
    place = np.flatnonzero(document[:-1] == document[1:])
    parts = np.searchsorted(place, _parts(words.first))
    salt = mix(np.arange(len(parsed), dtype=np.uint64) + np.uint64(1))
    key = (hashes + salt[document])[place]
    for size in range(2, largest + 1):
        key *= _BASE
        key += hashes[place + (size - 1)]
        order, start = _groups(key, parts)
        times = np.diff(start)
        group = np.full(len(key), -1, np.int32)
        group[order] = np.repeat(np.arange(len(times), dtype=np.int32), times)
        kept = np.flatnonzero(group >= 0)
        occurrences = place[kept]
        yield Repeats(size, occurrences, group[kept], place[order[start[:-1]]], times)
        # What the next size can be: where the next word begins a repeated one, too.
        going_on = kept[:-1][np.diff(occurrences) == 1]
        place, key = place[going_on], key[going_on]
        parts = np.searchsorted(going_on, parts)


def _parts(first: np.ndarray) -> np.ndarray:
    """Places of some of the borders `first` between documents, about `_PART` words apart, and the last."""
    wanted = np.arange(0, first[-1] + _PART, _PART)
    return np.unique(first[np.minimum(np.searchsorted(first, wanted), len(first) - 1)])


def _groups(key: np.ndarray, parts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Numbers of the keys that occur more than once, equal ones together and ascending; where each group begins.

    No key of one part is equal to one of another; short parts are sorted in less time than their whole.
    """
    bits = np.uint64(max(len(key), 1).bit_length())
    # Sorting a key's high bits with its number beside them is quicker than sorting numbers by keys.
    packed = (key >> bits << bits) | np.arange(len(key), dtype=np.uint64)
    for begin, end in pairwise(parts.tolist()):
        packed[begin:end].sort()
    high = packed >> bits
    order, start = _runs(high, (packed & ((np.uint64(1) << bits) - np.uint64(1))).astype(np.int64))
    within = np.ones(len(order), bool)
    within[start[:-1]] = False
    if np.any(key[order[1:]][within[1:]] != key[order[:-1]][within[1:]]):  # keys that differ in their low bits alone
        by_key = np.argsort(key, kind="stable")
        order, start = _runs(key[by_key], by_key)
    return order, start


def _runs(values: np.ndarray, order: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of sorted values, those of `order` whose value occurs more than once, and where each value begins among them."""
    same = np.zeros(len(values) + 1, bool)  # as the one before
    same[1:-1] = values[1:] == values[:-1]
    kept = same[:-1] | same[1:]
    first = ~same[:-1][kept]
    return order[kept], np.append(np.flatnonzero(first), len(first))


def top_characters(parsed: Parsed, repeats: Repeats) -> np.ndarray:
    """(N,) characters of the most frequent n-gram with single spaces between its words, times its occurrences.

    Of several, the one that comes first; 0 where a document has less words than an n-gram.
    """
    words, size, before = parsed.words, repeats.size, parsed.word_places
    best = np.where(words.counts >= size, (1 << 32) + _LAST - words.first[:-1], 0)
    np.maximum.at(best, words.document[repeats.first], (repeats.times << 32) + _LAST - repeats.first)
    place = np.where(best > 0, _LAST - (best & _LAST), 0)
    length = before[np.minimum(place + size, len(words))] - before[place] + size - 1
    return np.where(best > 0, (best >> 32) * length, 0)


def repeated_characters(parsed: Parsed, repeats: Repeats) -> np.ndarray:
    """(N,) characters of repeated n-grams, without spaces.

    Documents are read from the left: an n-gram that was met before counts, and reading goes on after its last word;
    one that begins within a counted one is not met.
    """
    words, size, before = parsed.words, repeats.size, parsed.word_places
    groups = repeats.group.tolist()
    # Where to go on after counting each: the first occurrence that does not begin within it.
    after = np.searchsorted(repeats.place, repeats.place + size).tolist()
    met = bytearray(len(repeats.first))
    counted = []
    number, count = 0, len(groups)
    while number < count:
        if met[groups[number]]:
            counted.append(number)
            number = after[number]
        else:
            met[groups[number]] = 1
            number += 1
    found = repeats.place[np.array(counted, np.int64)]
    return np.bincount(words.document[found], before[found + size] - before[found], len(parsed))
