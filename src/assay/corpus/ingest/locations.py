"""Where documents are taken from: files and folders, data sets of the Hugging Face Hub, the embedded corpus."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from assay.corpus import embedded, hub
from assay.corpus.documents import Source
from assay.corpus.records import clean
from assay.corpus.steps.bare_files import BareShard, NoText, bare_shards
from assay.corpus.steps.lines import Read, document_lines, encode
from assay.spec.errors import UserError


def shards_of(source: Source) -> list[BareShard]:
    """The files of a source, all of its domain. Raises `UserError` if nothing can be read there."""
    where = source.location
    if where.startswith(hub.PREFIX):
        split = hub.find_split(where)
        read = partial(_hub, split)
        return [BareShard(source.name, source.name, Path(where), split.size, read, True, where, split.state)]
    if where.startswith(embedded.PREFIX):
        return [BareShard(source.name, source.name, Path(where), 0, lambda: _embedded(where), True, where)]
    try:
        found = bare_shards(Path(where).expanduser(), where)
    except NoText as empty:
        raise UserError(f"{empty}, so domain '{source.name}' would be empty") from None
    return [replace(shard, domain=source.name, settled=True) for shard in found]


def _hub(split: hub.HubSplit) -> Iterator[Read]:
    return encode(Path(split.where), split.name, "row", ((row, None) for row in split.rows()))


def _embedded(where: str) -> Iterator[Read]:
    return document_lines(Path(where), ((document, 0) for document in embedded.read(where)))


def fingerprint(shards: Sequence[BareShard]) -> tuple[tuple[str, int, str], ...]:
    """Absolute path, size and state of each file, by which a restart knows that they are the same."""
    return tuple(
        (clean(shard.path.resolve() if shard.path.exists() else shard.path), shard.size, shard.state)
        for shard in shards
    )
