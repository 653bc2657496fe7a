"""Files and streams of records: JSON lines (plain, gzip, Zstandard), Parquet, and Hugging Face data sets.

A record has `text` and, where known, `id`, `source` and `licence` (or `license`). Records whose ids differ only
after a `#` are parts of one document.
"""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assay.corpus.bad import BadDocument, check_size
from assay.corpus.chunks import read_chunks
from assay.corpus.documents import UNKNOWN_LICENCE, Document, content_group, id_group
from assay.corpus.hub import find_split

if TYPE_CHECKING:
    import pyarrow as pa

#: Of a record, all that a document needs.
FIELDS = ("text", "id", "source", "licence", "license")


def document_of(record: Any, where: str, default_id: str, source: str) -> Document:
    """The document in a record. Raises `UserError`, with `where` naming file and line or row."""
    if not isinstance(record, dict):
        message = f"{where}: a record should be a JSON object with a field 'text', but is {_short(record)}"
        raise BadDocument("no record", message)
    text = record.get("text")
    if not isinstance(text, str) or not text.strip():
        problem = "has no field 'text'" if "text" not in record else f"has {_short(text)} as its 'text'"
        kind = "empty" if isinstance(text, str) else "no text"
        raise BadDocument(kind, f"{where}: the record {problem}; every record needs some text")
    try:
        content = text.encode()
    except UnicodeEncodeError as error:
        raise BadDocument(
            "wrong encoding",
            f"{where}: character {error.start} of 'text' is half of a surrogate pair, which UTF-8 cannot hold; "
            f"repair the record or remove it",
        ) from None
    check_size(where, len(content))
    given = record.get("id")
    return Document(
        text=text,
        id=default_id if given is None else clean(given),
        source=clean(record.get("source") or source),
        licence=clean(record.get("licence") or record.get("license") or UNKNOWN_LICENCE),
        group=content_group(content) if given is None else id_group(clean(given)),
    )


def clean(value: Any) -> str:
    return str(value).encode(errors="replace").decode()


def _short(value: Any) -> str:
    shown = json.dumps(value, default=str)
    return shown if len(shown) <= 40 else shown[:37] + "..."


def read_jsonl(path: Path, source: str) -> Iterator[Document]:
    """Documents of a `.jsonl`, `.jsonl.gz` or `.jsonl.zst` file, one line in memory at a time."""
    for number, record in json_lines(path):
        yield document_of(record, f"{path}, line {number}", f"{path.name}:{number}", source)


def json_lines(path: Path) -> Iterator[tuple[int, Any]]:
    """Number, from 1, and value of each line of a `.jsonl`, `.jsonl.gz` or `.jsonl.zst` file; blank lines left out.

    Raises:
        UserError: names the line that is not UTF-8 or not JSON, or the file that is damaged.
    """
    offset = 0
    for number, line in enumerate(_lines(path), start=1):
        if line.strip():
            yield number, parse_line(line, f"{path}, line {number}", offset, number == 1)
        offset += len(line)


def parse_line(line: bytes, where: str, offset: int, first: bool = False) -> Any:
    """The value of a line of JSON that begins at byte `offset`. Raises `BadDocument`, with `where` naming the line."""
    try:
        text = line.decode("utf-8-sig" if first else "utf-8")
    except UnicodeDecodeError as error:
        message = f"{where}: not UTF-8 text (byte {offset + error.start} of the JSON lines); convert it to UTF-8"
        raise BadDocument("wrong encoding", message) from None
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        problem = f"{error.msg.removesuffix(' at')} at column {error.colno}"
    except RecursionError:
        raise BadDocument(
            "broken JSON", f"{where}: JSON nested too deeply; each line should be one JSON object"
        ) from None
    except ValueError as error:  # a number of thousands of digits
        problem = str(error).partition(";")[0]
    raise BadDocument("broken JSON", f"{where}: broken JSON ({problem}); each line should be one JSON object")


def _lines(path: Path) -> Iterator[bytes]:
    rest: list[bytes] = []  # pieces of a line that is longer than a chunk
    for chunk, _ in read_chunks(path):
        *complete, last = chunk.split(b"\n")
        for line in complete:
            yield b"".join((*rest, line, b"\n"))
            rest = []
        rest.append(last)
    yield b"".join(rest)


def read_parquet(path: Path, source: str) -> Iterator[Document]:
    """Documents of a Parquet file with a string column `text`."""
    for number, (record, _) in enumerate(parquet_rows(path, FIELDS), start=1):
        if isinstance(record, BadDocument):
            raise record
        yield document_of(record, f"{path}, row {number}", f"{path.name}:{number}", source)


def parquet_rows(
    path: Path, columns: Sequence[str] | None = None
) -> Iterator[tuple[dict[str, Any] | BadDocument, float]]:
    """Rows of a Parquet file with a string column `text`, 256 in memory at a time, and the share of them so far.

    A row that cannot be read comes as what is wrong with it.

    Args:
        columns: only these, where there are such; None: all.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        # By pages, since a row group may be as large as the file.
        with pq.ParquetFile(path, buffer_size=1 << 20, pre_buffer=False) as file:
            schema = file.schema_arrow
            _check_columns(path, schema)
            wanted = [name for name in columns or schema.names if name in schema.names]
            number, rows = 0, file.metadata.num_rows
            for batch in file.iter_batches(batch_size=256, columns=wanted):
                for record in _records(batch, f"{path}, row", number):
                    number += 1
                    yield record, number / rows
    except (pa.ArrowException, OSError) as error:
        message = f"{path}: not a readable Parquet file ({str(error).splitlines()[0]})"
        raise BadDocument("damaged", message) from None


def _check_columns(path: Path, schema: "pa.Schema") -> None:
    import pyarrow as pa

    names = ", ".join(schema.names)
    if "text" not in schema.names:
        message = f"{path}: no column 'text'; its columns are: {names}; rename the one that holds the text"
        raise BadDocument("no text", message)
    if len(set(schema.names)) < len(schema.names):
        raise BadDocument("damaged", f"{path}: several columns have one name: {names}; rename all but one")
    kind = schema.field("text").type
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    if not (pa.types.is_string(kind) or pa.types.is_large_string(kind)):
        raise BadDocument("no text", f"{path}: column 'text' should hold strings, but holds {kind}")


def _records(batch: "pa.RecordBatch", where: str, before: int) -> Iterator[dict[str, Any] | BadDocument]:
    try:
        yield from batch.to_pylist()
    except UnicodeDecodeError:
        for row in range(len(batch)):
            try:
                yield batch.slice(row, 1).to_pylist()[0]
            except UnicodeDecodeError:
                yield BadDocument("wrong encoding", f"{where} {before + row + 1}: not UTF-8 text; repair or remove it")


def read_hub(where: str) -> Iterator[Document]:
    """Documents of a Hugging Face data set; for `where` see `hub`."""
    split = find_split(where)
    for number, record in enumerate(split.rows(), start=1):
        yield document_of(record, f"{where}, row {number}", f"{split.name}:{number}", where)
