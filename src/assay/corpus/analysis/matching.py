"""Which documents of two collections belong together: documents without their texts, by hashes."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from assay.corpus.analysis.collection import Collection
from assay.corpus.analysis.prints import key_of, prints

Progress = Callable[[int, int | None, str], None]
Pairs = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True)
class Listed:
    """What is known of N documents without their texts.

    Attributes:
        keys: (N,) uint64, hash of domain and id.
        ids: (N,) uint64, hash of the id alone.
        prints: (N,) uint64, hash of the text.
        sizes: (N,) int64, bytes of the text.
        domains: (N,) int32, indexes into `names`.
    """

    keys: np.ndarray
    ids: np.ndarray
    prints: np.ndarray
    sizes: np.ndarray
    domains: np.ndarray
    names: list[str]


def list_documents(collection: Collection, report: Progress, doing: str) -> Listed:
    """All documents of a collection, which is read once."""
    columns: list[list[np.ndarray]] = [[np.zeros(0, kind)] for kind in ("u8", "u8", "u8", "i8", "i4")]
    names: dict[str, int] = {}
    bare = collection.kind == "files"
    for read in collection.read():
        batch, found = read.batch, prints(read.batch.texts)
        keys: list[int] = []
        ids: list[int] = []
        codes: list[int] = []
        for domain, name, record, text in zip(
            batch.column("domain"), batch.column("id"), read.records, found.tolist(), strict=True
        ):
            known = f"\0{text}" if bare and record.get("id") is None else name
            keys.append(key_of(domain, known))
            ids.append(key_of("", known))
            codes.append(names.setdefault(domain, len(names)))
        for column, values in zip(columns, (keys, ids, found, batch.texts.sizes, codes), strict=True):
            column.append(np.asarray(values, column[0].dtype))
        report(read.done, collection.size, doing)
    keys_, ids_, prints_, sizes, codes_ = map(np.concatenate, columns)
    return Listed(keys_, ids_, prints_, sizes, codes_, list(names))


def match(one: Listed, two: Listed) -> dict[str, Pairs]:
    """Places of documents that belong together: the same, changed, and moved ones."""
    left, right = np.arange(len(one.keys)), np.arange(len(two.keys))
    found: dict[str, list[Pairs]] = {"same": [], "changed": [], "moved": []}
    for kind, key in (
        ("same", lambda listed: _mixed(listed.keys, listed.prints)),
        ("changed", lambda listed: listed.keys),
        ("moved", lambda listed: _mixed(listed.ids, listed.prints)),
        ("moved", lambda listed: listed.prints),
        ("changed", lambda listed: listed.ids),
    ):
        i, j = pair(key(one)[left], key(two)[right])
        found[kind].append((left[i], right[j]))
        left, right = np.delete(left, i), np.delete(right, j)
    return {
        kind: (np.concatenate([p[0] for p in parts]), np.concatenate([p[1] for p in parts]))
        for kind, parts in found.items()
    }


def _mixed(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    with np.errstate(over="ignore"):
        return (first * np.uint64(0x9E3779B97F4A7C15)) ^ second


def pair(a: np.ndarray, b: np.ndarray) -> Pairs:
    """Places of equal values: the first occurrence of a value with the first, the second with the second, and so on."""
    values = np.unique(np.concatenate((a, b)))
    codes = []
    for each in (a, b):
        place = np.searchsorted(values, each)
        order = np.argsort(place, kind="stable")
        ordered = place[order]
        nth = np.empty(len(each), np.int64)
        nth[order] = np.arange(len(each)) - np.searchsorted(ordered, ordered, side="left")
        codes.append(place * (max(len(a), len(b)) + 1) + nth)
    _, i, j = np.intersect1d(*codes, assume_unique=True, return_indices=True)
    return np.sort(i), j[np.argsort(i, kind="stable")]


def unmatched(listed: Listed, matched: dict[str, Pairs], side: int) -> np.ndarray:
    """Places of documents of the first (0) or second (1) collection that belong to none of the other."""
    alone = np.ones(len(listed.keys), bool)
    for pairs in matched.values():
        alone[pairs[side]] = False
    return np.flatnonzero(alone)
