"""Hashes by which texts and documents are compared."""

from itertools import pairwise

import numpy as np
import xxhash

from assay.corpus.texts import Texts


def prints(texts: Texts) -> np.ndarray:
    """(N,) uint64, a hash of each text."""
    data, ends = texts.data.data, texts.offsets.tolist()
    return np.array([xxhash.xxh3_64_intdigest(data[start:end]) for start, end in pairwise(ends)], np.uint64)


def key_of(domain: str, name: str) -> int:
    """What a document is known by, as 64 bits."""
    return xxhash.xxh3_64_intdigest(f"{domain}\0{name}".encode(errors="surrogatepass"))
