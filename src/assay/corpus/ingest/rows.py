"""Records as rows of an edition."""

import json

import pyarrow as pa

from assay.corpus.editions.rows import SCHEMA, text_hash
from assay.corpus.licences.policy import Terms
from assay.corpus.steps.bare_batch import BareBatch

_OWN = frozenset(("text", "id", "source", "licence", "license", "retrieved", "group"))


def rows_of(batch: BareBatch, terms: Terms, retrieved: str) -> pa.Table:
    """Rows for a batch of records.

    Args:
        terms: the licence of those that name none.
        retrieved: date of those that name none.
    """
    texts = batch.texts
    hashes = [text_hash(texts.bytes(row)) for row in range(len(texts))]
    columns = {
        "id": batch.column("id"),
        "domain": batch.column("domain"),
        "text": list(texts),
        "source": batch.column("source"),
        "licence": [terms.name(found) for found in batch.column("licence")],
        "retrieved": [date or retrieved for date in batch.column("retrieved")],
        "group": batch.column("group"),
        "hash": hashes,
        "text_hash": hashes,
        "steps": [["add"]] * len(hashes),
        "extra": [_extra(record) for record in batch.records],
    }
    return pa.table([pa.array(columns[field.name], field.type) for field in SCHEMA], schema=SCHEMA)


def _extra(record: dict[str, object]) -> str:
    rest: object = {name: value for name, value in record.items() if name not in _OWN}
    if not rest:
        return "{}"
    try:
        said = json.dumps(rest, ensure_ascii=False, allow_nan=False)
    except ValueError:  # Python and pandas write NaN and Infinity, which no standard reader of JSON takes
        rest = json.loads(json.dumps(rest), parse_constant=lambda _: None)
        said = json.dumps(rest, ensure_ascii=False)
    return said.encode(errors="replace").decode()
