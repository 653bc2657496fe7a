"""Other ways to remove duplicates from a file of JSON lines: datatrove, and rensa with plain Python around it.

Both run in the process that calls them. Each returns the ids of the records that are left.
"""

import json
import re
from collections import deque
from collections.abc import Iterable
from pathlib import Path
from typing import Any

PERMUTATIONS, BANDS, NGRAM = 112, 14, 5


def datatrove_minhash(source: Path, work: Path) -> set[str]:
    """datatrove's four steps, with its defaults: words of its English tokenizer, 14 buckets of 8 hashes."""
    from datatrove.pipeline.dedup import MinhashDedupBuckets, MinhashDedupCluster, MinhashDedupFilter
    from datatrove.pipeline.dedup.minhash import MinhashConfig, MinhashDedupSignature

    config = MinhashConfig(n_grams=NGRAM, num_buckets=BANDS, hashes_per_bucket=PERMUTATIONS // BANDS)
    folders = {name: str(work / name) for name in ("signatures", "buckets", "remove")}
    _run([_reader(source), MinhashDedupSignature(folders["signatures"], config)])
    for bucket in range(BANDS):
        _run([MinhashDedupBuckets(folders["signatures"], folders["buckets"], config=config)], bucket, BANDS)
    _run([MinhashDedupCluster(folders["buckets"], folders["remove"], config=config)])
    _run([_reader(source), MinhashDedupFilter(folders["remove"]), _writer(work / "out")])
    return _ids(work / "out")


def datatrove_exact(source: Path, work: Path) -> set[str]:
    """datatrove's reader and writer, with a filter between them that keeps the first of equal hashes."""
    from datatrove.pipeline.filters import LambdaFilter
    from datatrove.utils.hashing import HashConfig, create_hash_func

    hashed, seen = create_hash_func(HashConfig()), set()

    def new(document: Any) -> bool:
        key = hashed(document.text)
        known = key in seen
        seen.add(key)
        return not known

    _run([_reader(source), LambdaFilter(new), _writer(work / "out")])
    return _ids(work / "out")


def rensa_minhash(source: Path, work: Path) -> set[str]:
    """rensa's signatures and index over words of a regular expression; the first of each bucket stays."""
    from rensa import RMinHash, RMinHashLSH

    index = RMinHashLSH(threshold=0.7, num_perm=PERMUTATIONS, num_bands=BANDS)
    left: set[str] = set()
    with source.open(encoding="utf-8") as lines, (work / "out.jsonl").open("w", encoding="utf-8") as out:
        for number, line in enumerate(lines):
            record = json.loads(line)
            words = re.findall(r"\w+", record["text"].lower())
            runs = [" ".join(words[i : i + NGRAM]) for i in range(max(len(words) - NGRAM + 1, 1))]
            signature = RMinHash(num_perm=PERMUTATIONS, seed=1)
            signature.update(runs)
            if not index.query(signature):
                left.add(record["id"])
                out.write(line)
                index.insert(number, signature)
    return left


def _reader(source: Path) -> Any:
    from datatrove.pipeline.readers import JsonlReader

    return JsonlReader(str(source.parent), glob_pattern=source.name)


def _writer(folder: Path) -> Any:
    from datatrove.pipeline.writers import JsonlWriter

    return JsonlWriter(str(folder), compression=None)


def _run(steps: Iterable[Any], rank: int = 0, world: int = 1) -> None:
    from loguru import logger

    logger.remove()  # datatrove's account of every file
    data = None
    for step in steps:
        data = step(data, rank, world)
    if data is not None:
        deque(data, maxlen=0)


def _ids(folder: Path) -> set[str]:
    return {json.loads(line)["id"] for path in folder.rglob("*.jsonl") for line in path.open(encoding="utf-8")}
