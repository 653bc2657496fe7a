"""What every export format in the registry must do."""

import json
from pathlib import Path

import pytest
from safetensors.torch import load_file

from assay.interfaces.cli.main import build
from assay.spec.errors import UserError
from assay.spec.registry import load, names
from tests.training.exported import run_of
from tests.training.tiny import write_corpus


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_corpus(tmp_path_factory.mktemp("corpus"))


pytestmark = pytest.mark.parametrize("name", names("export_format"))


def test_it_writes_the_files_that_it_says_and_replaces_an_earlier_export(
    name: str, corpus: Path, tmp_path: Path
) -> None:
    out = tmp_path / "deep" / "out"
    for seed in (0, 1):
        exported = load("export_format", name)(run_of(tmp_path / str(seed), corpus, {}, seed=seed), out)
        assert exported.folder == out
        assert sorted(path.name for path in out.iterdir()) == sorted(exported.files)
        assert exported.family
    other = tmp_path / "other"
    load("export_format", name)(tmp_path / "1", other)
    assert {p.name: p.read_bytes() for p in out.iterdir()} == {p.name: p.read_bytes() for p in other.iterdir()}


def test_what_has_no_equivalent_is_named_and_nothing_written(name: str, corpus: Path, tmp_path: Path) -> None:
    run = run_of(tmp_path / "run", corpus, {"model.logit_softcap": 7.5, "model.x0_residual": True})
    with pytest.raises(UserError) as caught:
        load("export_format", name)(run, tmp_path / "out")
    assert "model.logit_softcap = 7.5" in str(caught.value)
    assert "model.x0_residual = true" in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_a_run_without_a_checkpoint_is_explained(name: str, corpus: Path, tmp_path: Path) -> None:
    run = run_of(tmp_path / "run", corpus, {})
    for path in (run / "checkpoint").glob("step-*/*"):
        path.unlink()
    with pytest.raises(UserError, match="no complete checkpoint"):
        load("export_format", name)(run, tmp_path / "out")


def test_the_command_exports_a_folder(
    name: str, corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = run_of(tmp_path / "run", corpus, {})
    build()(["export", str(run), "--format", name, "--json"], result_action="return_value")
    facts = json.loads(capsys.readouterr().out)
    assert facts["folder"] == str(run / f"export-{name}")
    assert facts["files"] == [file for file in facts["files"] if (Path(facts["folder"]) / file).is_file()]
    assert any(load_file(Path(facts["folder"]) / file) for file in facts["files"] if file.endswith(".safetensors"))
    for words, told in ((["--format", "none"], "known are"), (["a", "b"], "expected: assay export")):
        with pytest.raises(UserError, match=told):
            build()(["export", str(run), *words], result_action="return_value")
