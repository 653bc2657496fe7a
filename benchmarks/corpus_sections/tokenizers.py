"""Tokenizers: training and encoding a byte-level BPE of 8,192 tokens, against `tokenizers` and tiktoken

Everybody gets the same documents from memory, in UTF-8 or as strings, whichever they take, and everybody's tokens are
compared before anything is timed. Encoding begins with a new tokenizer each time, so that no cache is warm.
"""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from corpus_text import documents
from harness import Missing, Options, in_turn, medians, table

from assay.corpus.steps.pool import ordered
from assay.corpus.tokenizers.base import END_OF_TEXT
from assay.corpus.tokenizers.bpe import byte_characters, train_bpe
from assay.corpus.tokenizers.hf import HuggingFace

VOCAB = 8192
WORKERS = 2
PART_BYTES = 2 << 20
#: What tiktoken's own GPT-2 encoding cuts words by; it says the same as the library's expression, and quicker.
PATTERN = r"'(?:[sdmt]|ll|ve|re)| ?\p{L}++| ?\p{N}++| ?[^\s\p{L}\p{N}]++|\s++$|\s+(?!\S)|\s"
MEMORY = """
import sys
from pathlib import Path
sys.path.insert(0, {benchmarks!r})
from corpus_text import documents
{work}
status = Path("/proc/self/status").read_text()
print(next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM")))
"""
TRAIN = """
from assay.corpus.tokenizers.bpe import train_bpe
train_bpe(documents(Path({shared!r}), {size}), 8192)
"""
ENCODE = """
from assay.corpus.tokenizers.bpe import train_bpe
from assay.corpus.tokenizers.hf import HuggingFace
tokenizer = HuggingFace(train_bpe(documents(Path({shared!r}), 1_000_000), 8192))
for tokens in tokenizer.encode_stream(documents(Path({shared!r}), {size})):
    pass
"""


def library(texts: list[str]) -> str:
    """What the trainer of `tokenizers` makes."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    trainer = trainers.BpeTrainer(
        vocab_size=VOCAB, special_tokens=[END_OF_TEXT], initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer.to_str(pretty=True)


def tiktoken_of(serialised: str) -> Any:
    """The same vocabulary for tiktoken."""
    import json

    try:
        import tiktoken
    except ImportError:
        raise Missing("tiktoken is not installed here; run: pip install tiktoken") from None
    byte_of = {character: byte for byte, character in enumerate(byte_characters())}
    vocab = json.loads(serialised)["model"]["vocab"]
    ranks = {bytes(byte_of[c] for c in token): n for token, n in vocab.items() if token != END_OF_TEXT}
    return tiktoken.Encoding("own", pat_str=PATTERN, mergeable_ranks=ranks, special_tokens={END_OF_TEXT: 0})


def timed(work: Callable[[], object]) -> tuple[float, float]:
    """Wall and processor seconds, of children and threads too."""
    wall, before = time.perf_counter(), sum(os.times()[:4])
    work()
    return time.perf_counter() - wall, sum(os.times()[:4]) - before


def parts(texts: list[bytes]) -> Iterator[list[bytes]]:
    part: list[bytes] = []
    for text in texts:
        part.append(text)
        if sum(map(len, part)) >= PART_BYTES:
            yield part
            part = []
    yield part


def encode_parts(serialised: str, texts: list[bytes]) -> int:
    tokenizer = HuggingFace(serialised)
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    try:
        return sum(ordered(lambda part: sum(map(len, tokenizer.encode_stream(part))), parts(texts), WORKERS))
    finally:
        os.environ["TOKENIZERS_PARALLELISM"] = "true"


def both(sides: dict[str, Callable[[], object]], size: float, repeats: int) -> dict[str, dict[str, float]]:
    """MB/s of wall and of processor time of each side, medians."""
    walls: dict[str, list[float]] = {name: [] for name in sides}

    def measured(name: str) -> Callable[[], float]:
        def once() -> float:
            wall, cpu = timed(sides[name])
            walls[name].append(wall)
            return cpu

        return once

    cpu = medians(in_turn({name: measured(name) for name in sides}, repeats))
    wall = medians(walls)
    return {name: {"wall": size / 1e6 / wall[name], "cpu": size / 1e6 / cpu[name]} for name in sides}


def peak(options: Options, work: str, size: int) -> float:
    """Peak memory in MB of a process of its own."""
    from pathlib import Path

    program = MEMORY.format(
        benchmarks=str(Path(__file__).parents[1]), work=work.format(shared=str(options.shared), size=size)
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return int(done.stdout) / 1e3


def measure(options: Options) -> tuple[dict[str, Any], str]:
    small, large = (300_000, 600_000) if options.quick else (10_000_000, 20_000_000)
    train = list(documents(options.shared, small))
    strings = [text.decode() for text in train]
    serialised = train_bpe(train, VOCAB)
    assert serialised == library(strings)
    size = sum(map(len, train))
    training = both(
        {"tokenizers": lambda: library(strings), "assay": lambda: train_bpe(train, VOCAB)}, size, options.repeats
    )

    texts = list(documents(options.shared, large))
    strings = [text.decode() for text in texts]
    theirs = tiktoken_of(serialised)
    hf = HuggingFace(serialised)
    inner = hf._inner
    tokens = np.concatenate(list(hf.encode_stream(texts)))
    joined = [token for ids in inner.encode_batch_fast(strings) for token in (*ids.ids, hf.end_of_text)]
    assert tokens.tolist() == joined
    apart = [
        ids != part.tolist()
        for ids, part in zip(theirs.encode_ordinary_batch(strings), hf.encode_many(strings), strict=True)
    ]
    size = sum(map(len, texts))
    encoding = both(
        {
            "tokenizers": lambda: inner.encode_batch_fast(strings),
            "tiktoken": lambda: theirs.encode_ordinary_batch(strings, num_threads=WORKERS),
            "assay": lambda: encode_parts(serialised, texts),
        },
        size,
        options.repeats,
    )
    sizes = (1_000_000, 2_000_000) if options.quick else (10_000_000, 100_000_000, 1_000_000_000)
    memory = {name: {n: peak(options, work, n) for n in sizes} for name, work in (("train", TRAIN), ("encode", ENCODE))}
    numbers = {
        "training": training, "encoding": encoding, "memory_mb": memory, "tiktoken_differs": sum(apart),
        "documents": len(texts),
    }  # fmt: skip
    rows = [
        [job, side, f"{found['wall']:.1f}", f"{found['cpu']:.1f}", f"{found['cpu'] / sides['tokenizers']['cpu']:.1f}"]
        for job, sides in (("train", training), ("encode", encoding))
        for side, found in sides.items()
    ]
    head = ["job", "with", f"MB/s on {WORKERS} cores", "MB/cpu-s", "of `tokenizers` per cpu-s"]
    peaks = [[name, *(f"{found[n]:.0f}" for n in sizes)] for name, found in memory.items()]
    text = (
        f"{table(head, rows)}\n\nTokens and tokenizer.json are those of `tokenizers`, byte for byte; of "
        f"{len(texts)} documents tiktoken encodes {sum(apart)} otherwise.\n\nPeak memory in MB of one process that "
        f"reads text from disk, by megabytes of text:\n\n"
        f"{table(['job', *(f'{n // 1_000_000}' for n in sizes)], peaks)}"
    )
    return numbers, text
