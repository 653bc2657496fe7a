"""The one place where every implementation announces itself.

To add a strategy, gate, executor, optimiser or schedule: write one file in the folder of its kind, add one
line here, and run the conformance suite of its kind (`tests/conformance`). Entries are import paths, so
that naming an implementation never loads it (no torch for `assay status`).
"""

from importlib import import_module
from typing import Any

REGISTRY: dict[str, dict[str, str]] = {
    "optimiser": {
        "adamw": "assay.training.optimisers.adamw:build",
        "muon": "assay.training.optimisers.muon:build",
        "soap": "assay.training.optimisers.soap:build",
        "schedule_free": "assay.training.optimisers.schedule_free:build",
    },
    "optimiser_flops": {  # matrix-product FLOPs of an update of one (out, in) matrix, on average
        "adamw": "assay.spec.optimiser_flops:elementwise",
        "muon": "assay.spec.optimiser_flops:newton_schulz",
        "soap": "assay.spec.optimiser_flops:eigenbases",
        "schedule_free": "assay.spec.optimiser_flops:elementwise",
    },
    "schedule": {
        "cosine": "assay.training.schedules.cosine:factor",
        "linear": "assay.training.schedules.linear:factor",
        "wsd": "assay.training.schedules.wsd:factor",
        "sqrt": "assay.training.schedules.sqrt:factor",
        "constant": "assay.training.schedules.constant:factor",
    },
    "mixture_rule": {  # from the sizes of domains to sampling weights
        "size": "assay.corpus.mixtures.size:Size",
        "temperature": "assay.corpus.mixtures.temperature:Temperature",
        "unimax": "assay.corpus.mixtures.unimax:UniMax",
    },
    "export_format": {
        "hf": "assay.training.export.hf:write",
    },
    "researcher": {
        "known": "assay.researchers.known:Known",
        "tpe": "assay.researchers.tpe:Tpe",
        "random": "assay.researchers.random_search:RandomSearch",
        "claude": "assay.researchers.claude:Claude",
    },
    "executor": {
        "local": "assay.execution.local:LocalExecutor",
        "simulated": "assay.execution.simulated:SimulatedExecutor",
    },
    "gate": {
        "limits": "assay.governance.gates.limits:Limits",
        "transfer": "assay.governance.gates.transfer:Transfer",
    },
    "evaluation_task": {  # by the fields of an evaluation file's rows
        "minimal_pairs": "assay.evaluation.tasks.minimal_pairs:MinimalPairs",
        "arc": "assay.evaluation.tasks.arc:Arc",
        "hellaswag": "assay.evaluation.tasks.hellaswag:Hellaswag",
        "piqa": "assay.evaluation.tasks.piqa:Piqa",
        "last_word": "assay.evaluation.tasks.last_word:LastWord",
        "bits_per_byte": "assay.evaluation.tasks.bits_per_byte:BitsPerByte",
        "samples": "assay.evaluation.tasks.samples:Samples",
    },
    "corpus_filter": {  # in the order in which they are used
        "gopher_quality": "assay.corpus.filters.gopher_quality:GopherQuality",
        "gopher_repetition": "assay.corpus.filters.gopher_repetition:GopherRepetition",
        "c4": "assay.corpus.filters.c4:C4",
        "fineweb": "assay.corpus.filters.fineweb:FineWeb",
        "language": "assay.corpus.filters.language:Language",
        "personal_data": "assay.corpus.filters.personal_data:PersonalData",
        "listed_words": "assay.corpus.filters.listed_words:ListedWords",
        "quality": "assay.corpus.filters.quality:Quality",
        "web_lines": "assay.corpus.filters.web_lines:WebLines",
    },
    "tokenizer": {  # from a name like `bpe:4096`, less what is before the colon
        "bytes": "assay.corpus.tokenizers.bytes:wanted",
        "bpe": "assay.corpus.tokenizers.bpe:wanted",
        "hf": "assay.corpus.tokenizers.hf:wanted",
    },
    "mixture_regressor": {  # from mixture weights to a loss, with uncertainty; the first is the default
        "gp": "assay.evidence.mixtures.gp:GaussianProcess",
        "linear": "assay.evidence.mixtures.linear:Linear",
        "lightgbm": "assay.evidence.mixtures.boosting:Boosting",
    },
}


def names(kind: str) -> tuple[str, ...]:
    """Names registered for a kind, in order of registration."""
    return tuple(REGISTRY[kind])


def load(kind: str, name: str) -> Any:
    """Import and return one implementation. Raises `KeyError` for a name that is not registered."""
    module, _, attribute = REGISTRY[kind][name].partition(":")
    return getattr(import_module(module), attribute)
