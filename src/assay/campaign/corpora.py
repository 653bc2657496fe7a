"""Which corpus a lab trains on: it may change until something was trained on it, and never after."""

from typing import Any

from assay.campaign.lab import CONFIG, Lab, check_domains, config_text, most_tokens
from assay.corpus.manifest import Manifest, check_size
from assay.execution.confinement import UNCONFINED, find_confinement
from assay.store.ledger import append

#: Entries of the ledger that say nothing about any text.
_BEFORE = ("lab", "corpus")


def begun(lab: Lab) -> str:
    """What a lab has made of its corpus; '' as long as that is nothing."""
    runs = len(lab.store.run_rows())
    if runs:
        return f"{runs} run{'' if runs == 1 else 's'} of it"
    kinds = sorted({entry.kind for entry in lab.store.ledger()} - set(_BEFORE))
    return f"entries in its ledger ({', '.join(kinds)})" if kinds else ""


def adopt(lab: Lab, manifest: Manifest, edition: str) -> None:
    """Make a corpus in the lab's `corpora/` the one that it trains on, and write that to lab.toml and the ledger.

    Domains keep their weight in the score; new ones get 1.

    Args:
        edition: the one that the corpus was made from.

    The caller holds the lab's lock.

    Raises:
        UserError: the corpus lacks a domain that the start recipe draws from, or is too small for the ladder.
    """
    assert not begun(lab)
    weights = {name: lab.config.corpus.score_weights.get(name, 1.0) for name in sorted(manifest.domains)}
    if not any(weights.values()):
        weights = dict.fromkeys(weights, 1.0)
    corpus = lab.config.corpus.model_copy(update={"id": manifest.id, "score_weights": weights})
    config = lab.config.model_copy(update={"corpus": corpus})
    check_domains(config, manifest, lab.folder / CONFIG)
    check_size(manifest, most_tokens(config, manifest.vocab, lab.external))
    confinement = find_confinement(lab.folder / "vault") if manifest.vault else UNCONFINED
    vault = {"commitment": manifest.vault, "mechanism": confinement.mechanism, "reason": confinement.reason}
    body: dict[str, Any] = {"corpus": manifest.id, "edition": edition, "vault": vault}
    temporary = lab.folder / f".{CONFIG}.tmp"
    temporary.write_text(config_text(config), encoding="utf-8")
    temporary.replace(lab.folder / CONFIG)
    with lab.store.transaction() as connection:
        append(connection, "corpus", body)
    lab.config = config
