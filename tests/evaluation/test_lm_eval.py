"""lm-evaluation-harness's own code, on a run through the adapter and against assay's own scores."""

import importlib.util
import json
import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

from assay.evaluation.evaluate import evaluate
from assay.evaluation.files import read_file
from assay.spec.scale import Scale
from assay.training.main import train
from tests.training.tiny import text, write_order

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("lm_eval") is None, reason="the extra assay[lm-eval] is not installed"
)
SHARED = os.environ.get("ASSAY_SHARED")


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, corpus: Path) -> Path:
    run_json = write_order(
        tmp_path_factory.mktemp("run"), corpus, {"data.context": 128, "optimiser.lr": 0.01},
        Scale(name="tiny", width=16, depth=1, flops=2e9),
    )  # fmt: skip
    train(run_json)
    return run_json.parent


def rows(tmp_path: Path) -> Path:
    """ARC-easy where it is there, questions of the same format elsewhere."""
    if SHARED:
        return Path(SHARED) / "evals" / "arc_easy.jsonl.zst"
    path = tmp_path / "arc.jsonl"
    made = [{"query": f"Question: {text(i, 9)}?", "choices": [text(9 * i + j, 2) for j in range(4)], "gold": i % 4}
            for i in range(300)]  # fmt: skip
    path.write_text("".join(json.dumps(row) + "\n" for row in made))
    return path


@pytest.mark.slow
def test_the_harness_s_arc_easy_finds_item_by_item_what_assay_finds(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The harness's own task file, prompt and metrics; only the rows come from here, in ai2_arc's columns."""
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    import lm_eval

    from assay.evaluation.lm_eval_adapter import HarnessModel

    file = read_file(rows(tmp_path), limit=300)
    data = tmp_path / "ai2_arc.jsonl"
    data.write_text("".join(json.dumps({
        "question": item.prompt.removeprefix("Question: ").removesuffix("\nAnswer:"),
        "choices": {"text": item.answers, "label": [str(i) for i in range(len(item.answers))]},
        "answerKey": str(item.right),
    }) + "\n" for item in file.items))  # fmt: skip
    published = Path(lm_eval.__file__).parent / "tasks" / "arc" / "arc_easy.yaml"
    task: dict[str, Any] = yaml.safe_load(published.read_text()) | {
        "dataset_path": "json", "dataset_kwargs": {"data_files": {"test": str(data)}}, "dataset_name": None,
        "training_split": None, "validation_split": None,
    }  # fmt: skip
    task["metric_list"].append({"metric": "acc_bytes", "aggregation": "mean", "higher_is_better": True})
    theirs = lm_eval.simple_evaluate(HarnessModel(trained), tasks=[task], bootstrap_iters=100)
    ours = evaluate(trained, file)
    assert theirs is not None
    samples = sorted(theirs["samples"]["arc_easy"], key=lambda sample: sample["doc_id"])
    assert len(samples) == len(ours.items) == 300
    ascii_only = 0
    for sample, item, measured in zip(samples, file.items, ours.items, strict=True):
        assert sample["acc"] == measured.values["accuracy"]
        assert sample["acc_bytes"] == measured.values["accuracy_per_byte"]
        if all(answer.isascii() for answer in item.answers):
            ascii_only += 1
            assert sample["acc_norm"] == measured.values["accuracy_per_byte"]
    assert ascii_only > 100
    results = theirs["results"]["arc_easy"]
    print({key: value for key, value in results.items() if "acc" in key}, ours.summary.scores)
    for key, mine in (("acc", "accuracy"), ("acc_bytes", "accuracy_per_byte")):
        assert results[f"{key},none"] == pytest.approx(ours.summary.scores[mine].value)
    assert results["acc_stderr,none"] == pytest.approx(ours.summary.scores["accuracy"].error)


def test_whole_texts_and_generation(trained: Path) -> None:
    from assay.evaluation.lm_eval_adapter import HarnessModel

    def request(*args: Any) -> Any:
        return SimpleNamespace(args=args)

    model = HarnessModel(trained)
    whole = "the quick brown fox"
    (rolling,) = model.loglikelihood_rolling([request(whole)])
    split = model.loglikelihood([request("", whole[:9]), request(whole[:9], whole[9:])])
    assert rolling == pytest.approx(sum(value for value, _ in split), abs=1e-4)
    spaced, plain = model.loglikelihood([request("the ", "quick"), request("the", " quick")])
    assert spaced == plain
    long, cut = model.generate_until(
        [request("the", {"until": ["zzzz"], "max_gen_toks": 20}), request("the", {"until": " ", "max_gen_toks": 20})]
    )
    assert len(long.encode()) >= 18
    assert cut == long.split(" ")[0]
    drawn = {"until": [], "do_sample": True, "temperature": 1.0, "max_gen_toks": 30}
    assert len(set(model.generate_until([request(text(i, 2), drawn) for i in range(3)]))) > 1
