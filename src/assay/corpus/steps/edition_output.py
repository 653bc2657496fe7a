"""A new edition as the output of a step, from an edition or from bare files."""

from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

import pyarrow as pa

from assay.corpus.editions.edition import Edition, ShardFiles, publish
from assay.corpus.editions.entries import write_entry
from assay.corpus.editions.rows import REMOVED, SCHEMA, RowsWriter, leaves, text_hash
from assay.corpus.merkle import MerkleTree
from assay.corpus.steps.edition_input import EditionBatch
from assay.corpus.steps.engine import Story
from assay.corpus.steps.step import Judged


class EditionOutput:
    """The next edition of a lab. After `publish`, `edition` is its id, and the lab's newest one."""

    def __init__(self, lab: Path, parent: str, step: str) -> None:
        self._lab, self._parent, self._step = lab, parent, step
        self.edition = ""

    def open(self, work: Path, shards: Sequence[str]) -> None:
        self._folder = work / "edition"
        self._names = list(shards)
        self._writers = [
            (RowsWriter(self._folder / "kept" / f"{name}.parquet", SCHEMA),
             RowsWriter(self._folder / "removed" / f"{name}.parquet", REMOVED))
            for name in shards
        ]  # fmt: skip
        self._trees = (MerkleTree(), MerkleTree())

    def part(self, batch: EditionBatch, judged: Judged) -> tuple[pa.Table, pa.Table, list[bytes], list[bytes]]:
        table = changed_rows(batch.table, judged, self._step)
        gone = sorted(judged.removed)
        kept = table.filter(pa.array([row not in judged.removed for row in range(len(table))])) if gone else table
        removed = table.take(pa.array(gone, pa.int64()))
        for name, values in (
            ("removed_by", [judged.removed[row] for row in gone]),
            ("detail", [judged.details.get(row, "") for row in gone]),
        ):
            removed = removed.append_column(REMOVED.field(name), pa.array(values, pa.string()))
        return kept, removed, leaves(kept), leaves(removed)

    def write(self, shard: int, part: tuple[pa.Table, pa.Table, list[bytes], list[bytes]]) -> None:
        for writer, table in zip(self._writers[shard], part[:2], strict=True):
            writer.write(table)
        for tree, found in zip(self._trees, part[2:], strict=True):
            tree.extend(found)

    def publish(self, story: Story) -> None:
        for writers in self._writers:
            for writer in writers:
                writer.close()
        manifest = Edition(
            step=story.step, parameters=story.parameters, parent=self._parent, root=self._trees[0].root(),
            removed_root=self._trees[1].root(), documents=story.account.out.documents, bytes=story.account.out.bytes,
            domains={name: flow.out for name, flow in story.account.domains.items()},
            tool=f"assay {version('assay')}",
            shards=tuple(
                ShardFiles(name=name, documents=kept.documents, bytes=kept.bytes, removed=removed.documents)
                for name, (kept, removed) in zip(self._names, self._writers, strict=True)
            ),
        )  # fmt: skip
        publish(self._lab, self._folder, manifest, story.account, story.report)
        self.edition = manifest.id


def changed_rows(table: pa.Table, judged: Judged, step: str) -> pa.Table:
    """Rows with the texts that a step changed, their hashes, and the step's entry in their lists of steps."""
    touched = [row for row in judged.texts if row not in judged.removed]
    if not touched:
        return table
    texts, hashes, steps = (table[name].to_pylist() for name in ("text", "text_hash", "steps"))
    for row in touched:
        new = judged.texts[row].encode()
        taken = judged.taken_by(row, len(texts[row].encode()) - len(new))
        texts[row], hashes[row] = judged.texts[row], text_hash(new)
        steps[row] = [*steps[row], write_entry(step, taken, judged.details.get(row, ""))]
    for name, values in (("text", texts), ("text_hash", hashes), ("steps", steps)):
        field = SCHEMA.field(name)
        table = table.set_column(SCHEMA.get_field_index(name), field, pa.array(values, field.type))
    return table
