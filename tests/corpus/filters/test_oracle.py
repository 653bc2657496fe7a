"""The four published filters decide as datatrove's do, for the same reasons."""

import io
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zstandard

from assay.corpus.filters.chain import edit, measure
from assay.corpus.filters.filter import Filter
from assay.corpus.filters.thresholds import removes
from assay.corpus.texts import Texts
from assay.spec.cleaning import FILTERS
from assay.spec.registry import load

from .oracle import Oracle, varied

GOLDEN = json.loads((Path(__file__).parent / "golden" / "datatrove.json").read_text(encoding="utf-8"))
CORPORA = Path(os.environ.get("ASSAY_SHARED", "../shared")) / "corpora"
DOMAINS = ("prose", "encyclopedic", "code", "qa", "math", "specs", "dialogue", "french")


def decided(name: str, texts: list[str]) -> tuple[list[str | None], list[str]]:
    """The rule by which a filter on its own removes each text, by the published thresholds; and the texts it leaves."""
    one: Filter = load("corpus_filter", name)()
    given = Texts.of(texts)
    on = {name: np.ones((len(texts), len(one.edits)), bool)}
    measured = measure([one], given, on)
    why: list[str | None] = [None] * len(texts)
    for rule in reversed(one.rules):
        for i in np.flatnonzero(removes(rule, rule.threshold, measured[f"{name}.{rule.statistic}"])).tolist():
            why[i] = rule.name
    changes = edit([one], given, on)
    return why, [changes.texts.get(i, text) for i, text in enumerate(texts)]


def as_compared(name: str, reasons: list[str | None]) -> list[str | None]:
    """Reasons; of C4, which looks at a document line by line, only whether there is one."""
    return [reason and "removed" for reason in reasons] if name == "c4" else reasons


@pytest.mark.parametrize("name", FILTERS)
def test_decisions_and_reasons_are_those_recorded_of_datatrove(name: str) -> None:
    recorded = [row["removed_by"][name] for row in GOLDEN["rows"]]
    assert len(set(recorded)) >= 3
    assert as_compared(name, decided(name, [row["text"] for row in GOLDEN["rows"]])[0]) == as_compared(name, recorded)


def sample(domain: str, size: int) -> list[str]:
    """The first documents of a domain's held-out file, `size` bytes of them."""
    found: list[str] = []
    with (CORPORA / "heldout" / f"{domain}.jsonl.zst").open("rb") as file:
        for line in io.TextIOWrapper(zstandard.ZstdDecompressor().stream_reader(file), encoding="utf-8"):
            record: dict[str, Any] = json.loads(line)
            found.append(record["text"])
            size -= len(record["text"])
            if size < 0:
                break
    return found


@pytest.mark.skipif(not CORPORA.is_dir(), reason=f"no corpora at {CORPORA} (set ASSAY_SHARED)")
@pytest.mark.parametrize("domain", DOMAINS)
def test_decisions_reasons_and_texts_are_datatroves_on_real_and_changed_text(domain: str) -> None:
    pytest.importorskip("datatrove", reason="datatrove is not installed")
    oracle = Oracle()
    texts = sample(domain, 40_000)
    texts += varied(texts, 3)
    judged = [oracle.judge(text) for text in texts]
    for name in FILTERS:
        why, left = decided(name, texts)
        expected = [each[0][name] for each in judged]
        pairs = zip(as_compared(name, why), as_compared(name, expected), strict=True)
        assert np.mean([mine == theirs for mine, theirs in pairs]) >= 0.995, name
        if name == "c4":
            for mine, (reasons, theirs) in zip(left, judged, strict=True):
                if reasons["c4"] is None:  # ours keeps the whitespace around lines
                    assert [line.strip() for line in mine.splitlines()] == [
                        line.strip() for line in theirs.splitlines()
                    ]
