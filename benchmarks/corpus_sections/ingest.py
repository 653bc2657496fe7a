"""Taking text in: `corpus add` at 10 MB, 100 MB and 1 GB, from plain and compressed files

Each in a process of its own, with the time of all its processors and the most memory that it held. Where memory stays
the same from 100 MB to 1 GB, it does not depend on the size of the input.
"""

import json
import os
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

import zstandard
from corpus_text import documents
from harness import Options, table

SIZES = (10_000_000, 100_000_000, 1_000_000_000)
WORKER = """
import sys
from pathlib import Path
from assay.corpus.documents import Source
from assay.corpus.ingest.add import Intake, add
account, _ = add(Path(sys.argv[1]), Intake((Source("web", sys.argv[2]),)), workers=int(sys.argv[3]))
print(account.model_dump_json(by_alias=True))
"""


def write(path: Path, shared: Path, size: int) -> None:
    """JSON lines of so many bytes of text: the shared text again and again, under other ids."""
    texts = [json.dumps(text.decode())[:-1] for text in documents(shared, min(size, SIZES[0]))]
    copies = size // sum(map(len, texts)) + 1
    with path.open("wb") as raw:
        file = zstandard.ZstdCompressor().stream_writer(raw) if path.suffix == ".zst" else raw
        for copy in range(copies):
            for number, text in enumerate(texts):
                file.write(f'{{"id": "{copy}-{number}", "text": {text} {copy}"}}\n'.encode())
        if file is not raw:
            file.close()


def taken_in(lab: Path, path: Path) -> tuple[dict[str, Any], float]:
    """The account of an ingestion, and MB of memory that its process held at most."""
    lab.mkdir()
    command = [sys.executable, "-c", WORKER, str(lab), str(path), "1"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, env=os.environ)
    assert process.stdout is not None
    said = process.stdout.read()
    _, code, usage = os.wait4(process.pid, 0)
    assert code == 0
    peak: resource.struct_rusage = usage
    return json.loads(said), peak.ru_maxrss * 1024 / 1e6


def measure(options: Options) -> tuple[dict[str, Any], str]:
    numbers: dict[str, Any] = {}
    rows = []
    for size in SIZES[:1] if options.quick else SIZES:
        for suffix in (".jsonl", ".jsonl.zst"):
            path = options.work / f"{size}{suffix}"
            if not path.exists():
                write(path, options.shared, size)
            account, memory = taken_in(options.work / f"lab-{size}{suffix}-{os.getpid()}", path)
            speed = account["in"]["bytes"] / 1e6 / account["cpu_seconds"]
            numbers[path.name] = {"mb_per_cpu_s": speed, "memory_mb": memory, "documents": account["in"]["documents"]}
            rows.append([f"{size / 1e6:.0f} MB", suffix, f"{speed:.0f}", f"{memory:.0f}"])
    return numbers, table(["text", "as", "MB/cpu-s", "memory, MB"], rows)
