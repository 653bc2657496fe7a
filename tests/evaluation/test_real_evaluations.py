"""The real sets of a folder that ASSAY_SHARED names, against a loop that knows nothing of batches."""

import math
import os
from pathlib import Path

import pytest
import torch

from assay.evaluation.choice import Choice
from assay.evaluation.evaluate import evaluate
from assay.evaluation.files import read_file
from assay.spec.scale import Scale
from assay.training.main import train
from assay.training.model import GPT
from assay.training.restore import load_model
from tests.training.tiny import write_order

SHARED = os.environ.get("ASSAY_SHARED")
pytestmark = pytest.mark.skipif(SHARED is None, reason="ASSAY_SHARED names no folder with real evaluation sets")
SETS = {"blimp": 15_000, "arc_easy": 2_376, "hellaswag": 2_000}


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, corpus: Path) -> Path:
    run_json = write_order(
        tmp_path_factory.mktemp("run"), corpus, {"data.context": 128, "optimiser.lr": 0.01},
        Scale(name="tiny", width=16, depth=1, flops=2e9),
    )  # fmt: skip
    train(run_json)
    return run_json.parent


def nats(model: GPT, prompt: str, answer: str) -> float:
    """-ln p of an answer, cut to the context from the left; one sequence at a time, in one product."""
    tokens = [256, *prompt.encode(), *answer.encode()][-129:]
    with torch.no_grad():
        logps = model(torch.tensor([tokens[:-1]]))[0].double().log_softmax(-1)
    return -sum(logps[i - 1, tokens[i]].item() for i in range(len(tokens) - len(answer.encode()), len(tokens)))


@pytest.mark.parametrize("name", SETS)
def test_scores_of_real_sets_are_those_of_a_plain_loop(name: str, trained: Path) -> None:
    path = Path(SHARED or "") / "evals" / f"{name}.jsonl.zst"
    assert len(read_file(path).items) == SETS[name]
    file = read_file(path, limit=60)
    model = load_model(trained).model
    found = evaluate(trained, file)
    compared = 0
    for item, measured in zip(file.items, found.items, strict=True):
        assert isinstance(item, Choice)
        if max(len((item.between + answer).encode()) for answer in item.answers) > 128:
            continue  # read in pieces; `test_reader.py` has that
        compared += 1
        costs = [nats(model, item.prompt, item.between + answer) for answer in item.answers]
        sizes = [len(answer.encode()) for answer in item.answers]
        rates = [cost / size for cost, size in zip(costs, sizes, strict=True)]
        right = len((item.between + item.answers[item.right]).encode())
        assert measured.values["bits_per_byte"] == pytest.approx(costs[item.right] / math.log(2) / right, abs=1e-5)
        for key, values in (("accuracy", costs), ("accuracy_per_byte", rates)):
            best = sorted(values)
            if key in measured.values and best[1] - best[0] > 1e-4:
                assert measured.values[key] == float(values[item.right] == best[0])
    assert compared > 20
    if name == "blimp":
        assert len(found.summary.groups) == 15
