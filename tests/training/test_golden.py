"""Golden loss curves: recipes go on to train as they did.

`golden/NAME.json` holds the first losses of a recipe. They may be written anew, by

    python -m tests.training.test_golden NAME…        (all where none is named)

only where numbers are meant to change: for a new recipe, or together with a raised `TRAINER_VERSION`.
"""

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest
import torch

from assay.spec.scale import Scale
from assay.training import environment
from assay.training.main import train
from tests.training.tiny import write_corpus, write_order

FOLDER = Path(__file__).parent / "golden"
SCALE = Scale(name="golden", width=32, depth=2, flops=3e9)
STEPS = 25
MODERN = {
    "model.position": "rope", "model.norm": "rmsnorm", "model.qk_norm": True, "model.mlp": "relu2",
    "model.tied_embeddings": False, "schedule.name": "linear", "schedule.final": 0.0,
}  # fmt: skip
# fmt: off
RECIPES: dict[str, dict[str, Any]] = {
    "nanogpt": {},
    "modern": MODERN,
    "muon": MODERN | {"optimiser.name": "muon", "schedule.name": "wsd"},
    "grouped-swiglu": {"model.query_heads_per_kv": 2, "model.mlp": "swiglu", "model.bias": True},
    "soap": {"optimiser.name": "soap", "optimiser.soap_every": 5, "schedule.name": "sqrt"},
    "experts": {
        "model.experts": 4, "model.shared_expert": True, "model.mlp": "swiglu", "model.norm_place": "sandwich",
        "model.logit_softcap": 15.0, "optimiser.z_loss": 1e-4,
    },
    "documents": {
        "data.packing": "best_fit", "data.document_mask": True, "model.position": "rope", "model.window": 8,
        "model.value_residual": True, "model.x0_residual": True, "model.value_embeddings": True,
        "data.batch_warmup": 0.2, "data.reweight": 1.0,
    },
    "schedule-free": {
        "optimiser.name": "schedule_free", "schedule.name": "constant", "optimiser.lr": 3e-3,
        "optimiser.cautious_decay": True, "transfer": "mup", "base_width": 16,
    },
}
# fmt: on


def curve(change: dict[str, Any], corpus: Path, folder: Path) -> list[float]:
    train(write_order(folder, corpus, change, SCALE, stop_at_step=STEPS))
    return [json.loads(line)["loss"] for line in (folder / "metrics.jsonl").read_text().splitlines()]


@pytest.mark.parametrize("name", RECIPES)
def test_losses_are_as_they_were(name: str, tmp_path: Path, corpus: Path) -> None:
    golden = json.loads((FOLDER / f"{name}.json").read_text())
    assert golden["change"] == RECIPES[name]
    # Another version of PyTorch may add in another order, which 25 steps enlarge.
    tolerance = 1e-5 if golden["torch"] == torch.__version__ else 1e-3
    assert curve(RECIPES[name], corpus, tmp_path) == pytest.approx(golden["losses"], rel=tolerance)


def write(names: list[str]) -> None:
    environment.prepare()
    with tempfile.TemporaryDirectory() as name:
        corpus = write_corpus(Path(name) / "corpus")
        for recipe in names or RECIPES:
            losses = curve(RECIPES[recipe], corpus, Path(name) / recipe)
            golden = {"change": RECIPES[recipe], "torch": torch.__version__, "losses": losses}
            (FOLDER / f"{recipe}.json").write_text(json.dumps(golden, indent=1) + "\n")


if __name__ == "__main__":
    write(sys.argv[1:])
