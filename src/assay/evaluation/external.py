"""Scores by an external trainer's own evaluation command, checked as far as anybody can who did not measure them."""

import hashlib
import json
import math
import subprocess
import time
from pathlib import Path
from typing import Any

from assay.evaluation.spans import read_spans
from assay.spec.errors import UserError
from assay.spec.run import RunOrder, Scores
from assay.training.external.facts import Filled
from assay.training.external.process import listen, start


def own_scores(order: RunOrder, folder: Path) -> Scores:
    """Run the command on the held-out spans and take its bits per byte of each domain.

    Raises:
        UserError: the command fails or falls silent, or its answer is no positive number for each domain.
    """
    began = time.perf_counter()
    filled = Filled(order, folder)
    evaluation = filled.trainer.evaluation
    assert evaluation is not None
    where = f"evaluation of trainer '{filled.trainer.name}'"
    answer = Path(filled.text(evaluation.file)) if evaluation.file else None
    if answer is not None:
        answer.unlink(missing_ok=True)
    words = filled.words(evaluation.command)
    print("$ " + " ".join(words), flush=True)
    process, pieces = start(words, filled.place, where, subprocess.PIPE, subprocess.PIPE), list[bytes]()
    code = listen(process, f"{where}: {words[0]}", filled, pieces.append)
    if code != 0:
        raise UserError(f"{where}: {words[0]} ended with exit code {code}; its output says why")
    printed = b"".join(pieces).decode(errors="replace")
    sizes: dict[str, int] = {}
    for span in read_spans(Path(order.corpus_dir)):
        sizes[span.domain] = sizes.get(span.domain, 0) + len(span.text.encode())
    return Scores(
        bits_per_byte=_checked(_read(answer, printed, where), sizes, where), bytes=sizes,
        checkpoint=_fingerprint(filled.checkpoint_dir), seconds=time.perf_counter() - began,
    )  # fmt: skip


def _read(file: Path | None, printed: str, where: str) -> Any:
    """The answer: a file's content, or the last line that is a JSON object."""
    wanted = 'a JSON object as in {"prose": 2.31, "code": 1.87}'
    if file is not None:
        try:
            return json.loads(file.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise UserError(f"{where}: it wrote no {file}, where {wanted} was expected") from None
        except ValueError:
            raise UserError(f"{where}: {file} is not JSON; {wanted} was expected") from None
    lines = [line for line in printed.splitlines() if line.strip()]
    for line in reversed(lines):
        try:
            found = json.loads(line)
        except ValueError:
            continue
        if isinstance(found, dict):
            return found
    last = f"its last line is: {lines[-1][:200]}" if lines else "it printed nothing"
    raise UserError(f"{where}: it printed no line with {wanted}; {last}")


def _checked(told: Any, sizes: dict[str, int], where: str) -> dict[str, float]:
    if not isinstance(told, dict):
        raise UserError(f"{where}: its answer should be a JSON object, bits per byte by domain, but is {told!r:.100}")
    for domain in sizes:
        value = told.get(domain)
        if domain not in told:
            named = ", ".join(map(str, told)) or "none"
            raise UserError(f"{where}: its answer has no score for domain '{domain}'; it names: {named}")
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or value <= 0:
            raise UserError(
                f"{where}: its score for domain '{domain}' should be a positive number, bits per byte, but is {value!r}"
            )
    return {domain: float(told[domain]) for domain in sizes}


def _fingerprint(folder: Path) -> str:
    """SHA-256 over names and content of a folder's files."""
    digest = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        digest.update(str(path.relative_to(folder)).encode() + b"\0")
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()
