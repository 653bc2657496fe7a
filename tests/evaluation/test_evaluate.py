"""Evaluations of trained runs: errors, pairs, and that nothing is measured twice."""

import json
import math
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

from assay.evaluation import evaluate as module
from assay.evaluation.evaluate import evaluate
from assay.evaluation.files import EvaluationFile, read_file
from assay.evaluation.results import FOLDER, Measured, mean, paired, scores, stored
from assay.evaluation.score import score_run
from assay.spec.errors import UserError
from assay.training.main import train
from assay.training.restore import load_model
from tests.training.tiny import save_weights, text, write_order


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory, corpus: Path) -> tuple[Path, Path]:
    folders = tmp_path_factory.mktemp("one"), tmp_path_factory.mktemp("two")
    for folder, change in zip(folders, ({}, {"optimiser.lr": 0.01}), strict=True):
        train(write_order(folder, corpus, change))
    return folders


@pytest.fixture
def run(runs: tuple[Path, Path], tmp_path: Path) -> Path:
    return shutil.copytree(runs[0], tmp_path / "run")


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> EvaluationFile:
    path = tmp_path_factory.mktemp("files") / "pairs.jsonl"
    rows = [{"sentence_good": text(i, 2), "sentence_bad": text(90 + i, 2), "paradigm": "xy"[i % 2]} for i in range(20)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return read_file(path)


def never(*_: Any) -> None:
    raise AssertionError("measured again")


def test_errors_are_those_of_textbooks() -> None:
    rng = np.random.default_rng(0)
    values, ones, weights = rng.normal(size=40), np.ones(40), rng.uniform(1, 9, 40)
    assert mean(values, ones).error == pytest.approx(stats.sem(values))
    hits = (values > 0).astype(float)
    p = hits.mean()
    assert mean(hits, ones).error == pytest.approx(math.sqrt(p * (1 - p) / 39))
    found = mean(values, weights)
    assert found.value == pytest.approx(np.average(values, weights=weights))
    left_out = [np.average(np.delete(values, i), weights=np.delete(weights, i)) for i in range(40)]
    jackknife = math.sqrt(39 / 40 * sum((v - np.mean(left_out)) ** 2 for v in left_out))
    assert found.error == pytest.approx(jackknife, rel=0.1)
    assert mean(values[:1], ones[:1]).error is None
    assert found.group_error is None


def test_errors_over_groups_cover_the_truth_where_items_of_a_group_go_together() -> None:
    """Paradigms differ by 1, items within by 0.5: of 400 draws of 16 paradigms, about 95% of intervals hold 0."""
    rng = np.random.default_rng(1)
    names = [str(i // 25) for i in range(400)]
    covered = {"items": 0, "groups": 0}
    for _ in range(400):
        values = np.repeat(rng.normal(size=16), 25) + 0.5 * rng.normal(size=400)
        found = mean(values, np.ones(400), names)
        assert found.groups == 16
        covered["items"] += abs(found.value) < 1.96 * found.error  # type: ignore[operator]
        covered["groups"] += abs(found.value) < stats.t.ppf(0.975, 15) * found.group_error  # type: ignore[operator]
    assert 0.92 < covered["groups"] / 400 < 0.98
    assert covered["items"] / 400 < 0.6
    assert mean(values, np.ones(400), [str(i) for i in range(400)]).group_error == pytest.approx(mean(
        values, np.ones(400)).error)  # fmt: skip


def test_differences_are_paired(runs: tuple[Path, Path], pairs: EvaluationFile) -> None:
    one, two = (evaluate(folder, pairs) for folder in runs)
    difference = scores(paired(one, two))["bits_per_byte"]
    first, second = ([item.values["bits_per_byte"] for item in found.items] for found in (one, two))
    test = stats.ttest_rel(second, first)
    assert difference.value == pytest.approx(two.summary.scores["bits_per_byte"].value
                                             - one.summary.scores["bits_per_byte"].value)  # fmt: skip
    assert difference.value / difference.error == pytest.approx(test.statistic)  # type: ignore[operator]
    assert difference.value != 0
    assert difference.guessing is None


def test_an_evaluation_is_made_once_and_read_from_then_on(
    run: Path, pairs: EvaluationFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = evaluate(run, pairs)
    assert {"x", "y"} == set(first.summary.groups)
    monkeypatch.setattr(module, "Reader", never)
    assert evaluate(run, pairs) == first
    assert stored(run) == [first.summary]
    shutil.rmtree(run / "checkpoint")
    assert evaluate(run, pairs) == first  # its checkpoint was freed
    with pytest.raises(UserError, match="no complete checkpoint"):
        evaluate(run, read_file(pairs.path, limit=3))


def test_only_what_fits_weights_file_and_limit_is_read_again(
    run: Path, runs: tuple[Path, Path], pairs: EvaluationFile
) -> None:
    first = evaluate(run, pairs)
    part = evaluate(run, read_file(pairs.path, limit=3))
    assert part.lines == [1, 7, 14]
    for item, place in zip(part.items, (0, 6, 13), strict=True):
        assert item.values == pytest.approx(first.items[place].values, abs=1e-5)
    assert len(stored(run)) == 2
    save_weights(run, load_model(runs[1]).model.state_dict(), 10**6)
    other = evaluate(run, pairs)
    assert other.summary.checkpoint == load_model(run).weights != first.summary.checkpoint
    assert other.items == evaluate(runs[1], pairs).items != first.items


@pytest.mark.parametrize("kept", [0, 1])
def test_half_a_stored_evaluation_does_not_count(run: Path, pairs: EvaluationFile, kept: int) -> None:
    first = evaluate(run, pairs)
    files = sorted((run / FOLDER).iterdir())
    assert [path.suffixes[-2:] for path in files] == [[".items", ".jsonl"], [".json"]]
    files[kept].write_bytes(files[kept].read_bytes()[:-40])
    assert stored(run) == []
    again = evaluate(run, pairs)
    assert again.items == first.items
    assert stored(run) == [again.summary]


def test_held_out_spans_as_a_file_of_texts_get_the_run_s_own_score(run: Path, corpus: Path) -> None:
    own = score_run(run).bits_per_byte
    found = evaluate(run, read_file(corpus / "spans.jsonl", "bits_per_byte")).summary.groups
    assert {name: part["bits_per_byte"].value for name, part in found.items()} == pytest.approx(own, rel=1e-6)


def test_nothing_of_the_file_s_text_is_written(run: Path, pairs: EvaluationFile) -> None:
    """What lies in a run's folder, its training may read."""
    evaluate(run, pairs)
    written = "".join(path.read_text() for path in (run / FOLDER).iterdir())
    assert not [word for row in pairs.items for answer in row.answers for word in answer.split()
                if len(word) > 3 and word in written]  # fmt: skip


def test_a_model_that_diverged_is_refused(run: Path, pairs: EvaluationFile) -> None:
    weights = load_model(run).model.state_dict()
    weights["embedding.weight"].fill_(float("nan"))
    save_weights(run, weights, 10**6)
    with pytest.raises(UserError, match="not finite numbers, since its training diverged"):
        evaluate(run, pairs)


def test_samples_are_kept(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "prompts.jsonl"
    path.write_text('{"prompt": "the quick"}\n{"prompt": ""}\n')
    monkeypatch.setattr("assay.evaluation.tasks.samples.TOKENS", 12)
    first = evaluate(run, read_file(path))
    assert [item.text != "" for item in first.items] == [True, True]
    assert first.summary.scores == {}
    assert evaluate(run, read_file(path)) == first


def test_a_measured_item_is_plain() -> None:
    assert Measured({"accuracy": 1.0}) == ({"accuracy": 1.0}, "", 1.0, 0, "")
