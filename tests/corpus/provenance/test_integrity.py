"""What an edition keeps is compared with its Merkle root: no flipped byte goes unseen into a corpus or to others."""

import json
from pathlib import Path

import pytest

from assay.corpus.documents import Source
from assay.corpus.editions.documents import edition_documents, verify
from assay.corpus.editions.edition import newest_edition
from assay.corpus.ingest.add import Intake, add
from assay.spec.errors import UserError


def test_a_flipped_byte_is_found_wherever_it_changes_anything(tmp_path: Path) -> None:
    texts = [f"Text number {number}, in which größer stands: {'abc' * number}" for number in range(8)]
    rows = [{"id": f"d{number}", "text": text, "licence": "MIT"} for number, text in enumerate(texts)]
    (tmp_path / "in.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    add(tmp_path, Intake((Source("web", str(tmp_path / "in.jsonl")),)))
    edition = newest_edition(tmp_path)
    verify(edition)
    whole = list(edition_documents(edition))
    (path,) = (edition.shard(shard.name) for shard in edition.manifest.shards)
    content = path.read_bytes()
    found = 0
    for place in range(0, len(content), 11):
        damaged = bytearray(content)
        damaged[place] ^= 1 << place % 8
        path.write_bytes(damaged)
        try:
            assert list(edition_documents(edition)) == whole, place
        except UserError:
            found += 1
    assert found > 50
    path.write_bytes(content)
    verify(edition)


def test_another_licence_or_order_is_no_longer_what_was_written(tmp_path: Path) -> None:
    for lab, licence in (("one", "MIT"), ("two", "CC0-1.0")):
        (tmp_path / lab).mkdir()
        (tmp_path / "in.jsonl").write_text(json.dumps({"id": "a", "text": "The same text.", "licence": licence}) + "\n")
        add(tmp_path / lab, Intake((Source("web", str(tmp_path / "in.jsonl")),)))
    one, two = (newest_edition(tmp_path / lab) for lab in ("one", "two"))
    one.shard("00000").write_bytes(two.shard("00000").read_bytes())
    with pytest.raises(UserError, match="another Merkle root"):
        verify(one)
