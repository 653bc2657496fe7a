"""A lab's text described in Croissant, as mlcroissant reads it."""

import json
from pathlib import Path

import pytest

from assay.corpus.documents import Source
from assay.corpus.editions.croissant import write_croissant
from assay.corpus.editions.edition import newest_edition
from assay.corpus.ingest.add import Intake, add
from assay.spec.errors import UserError

mlcroissant = pytest.importorskip("mlcroissant", reason="mlcroissant is not installed (pip install 'assay[dev]')")


@pytest.fixture
def lab(tmp_path: Path) -> Path:
    lab = tmp_path / "lab"
    lab.mkdir()
    rows = [
        {"id": f"d{i}", "text": f"Voilà, text {i}.\n" * 3, "source": f"site{i % 2}.org",
         "licence": ("MIT License", "cc by 4.0", "public domain", "")[i % 4], "meta": {"n": i}}
        for i in range(12)
    ]  # fmt: skip
    for part in (0, 1):
        path = tmp_path / f"{part}.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in rows[part::2]))
        add(lab, Intake((Source("web", str(path)),)))
    return lab


@pytest.mark.parametrize("out", [False, True])
def test_it_is_valid_and_gives_the_documents(lab: Path, tmp_path: Path, out: bool) -> None:
    edition = newest_edition(lab)
    assert len(edition.manifest.shards) == 2
    path = write_croissant(edition, "mylab", tmp_path / "dataset" if out else None)
    dataset = mlcroissant.Dataset(jsonld=str(path))
    issues = dataset.metadata.ctx.issues
    assert not issues.errors
    assert not issues.warnings
    said = dataset.metadata
    assert dataset.metadata.ctx.is_v1_1()
    assert set(said.license) == {
        "https://spdx.org/licenses/MIT.html", "https://spdx.org/licenses/CC-BY-4.0.html", "LicenseRef-public-domain",
        "unknown",
    }  # fmt: skip
    records = list(dataset.records("documents"))
    got = sorted((row["documents/id"].decode(), row["documents/text"].decode()) for row in records)
    assert got == sorted((f"d{i}", f"Voilà, text {i}.\n" * 3) for i in range(12))
    assert {row["documents/source"].decode() for row in records} == {"site0.org", "site1.org"}
    assert json.loads(records[0]["documents/extra"])["meta"]["n"] == 0


def test_checksums_are_of_the_files(lab: Path, tmp_path: Path) -> None:
    import hashlib

    path = write_croissant(newest_edition(lab), "mylab", tmp_path / "dataset")
    files = [item for item in json.loads(path.read_text())["distribution"] if item["@type"] == "cr:FileObject"]
    assert len(files) == 2
    for item in files:
        content = (path.parent / item["contentUrl"]).read_bytes()
        assert hashlib.sha256(content).hexdigest() == item["sha256"]
        assert item["contentSize"] == f"{len(content)} B"
    with pytest.raises(UserError, match="exists"):
        write_croissant(newest_edition(lab), "mylab", tmp_path / "dataset")
