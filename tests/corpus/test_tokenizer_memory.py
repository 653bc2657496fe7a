"""Training and encoding hold some megabytes of text at a time, however much there is and however long a document is."""

import subprocess
import sys

import pytest

PROGRAM = """
import sys
import random
from pathlib import Path
from assay.corpus.tokenizers.bpe import train_bpe
from assay.corpus.tokenizers.hf import HuggingFace

draw = random.Random(0)
words = ["".join(draw.choices("abcdefghij", k=draw.randint(2, 9))) for _ in range(20_000)]
page = " ".join(draw.choices(words, k=150_000)).encode()  # a megabyte

def documents(megabytes):
    return (page for _ in range(megabytes))

job, megabytes = sys.argv[1], int(sys.argv[2])
if job == "train":
    train_bpe(documents(megabytes), 1000)
else:
    tokenizer = HuggingFace(train_bpe(documents(1), 1000))
    given = documents(megabytes) if job == "encode" else [b" ".join(documents(megabytes))]
    for tokens in tokenizer.encode_stream(given):
        pass
lines = Path("/proc/self/status").read_text().splitlines()
print(next(line.split()[1] for line in lines if line.startswith("VmHWM")))
"""


def peak(job: str, megabytes: int) -> float:
    """Megabytes of a process of its own."""
    command = [sys.executable, "-c", PROGRAM, job, str(megabytes)]
    return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout) / 1e3


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="the peak is read from /proc")
@pytest.mark.parametrize("job", ["train", "encode"])
def test_memory_does_not_grow_with_the_text(job: str) -> None:
    assert peak(job, 200) < peak(job, 20) + 30


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="the peak is read from /proc")
def test_a_document_of_a_hundred_megabytes_takes_little_beside_itself() -> None:
    """The test's own two copies of it are 200 MB."""
    assert peak("one", 100) < peak("encode", 20) + 200 + 50
