"""Data sets of the Hugging Face Hub, or in folders laid out like them: streamed through the `datasets` extra.

A location is `hf:ORG/NAME`, `hf:ORG/NAME:CONFIG` or `hf:ORG/NAME:CONFIG:SPLIT`; left out, the configuration is the
data set's only or default one, and the split is `train`.
"""

from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from assay.spec.base import canonical_json, sha256_text
from assay.spec.errors import UserError

PREFIX = "hf:"


@dataclass(frozen=True)
class HubSplit:
    """A split of a data set, found but not yet read.

    Attributes:
        where: its location, as it was given.
        size: of its rows in bytes, as the data set says; 0: it does not say.
        state: a hash of its files' names and versions.
    """

    where: str
    size: int
    state: str
    stream: Iterable[dict[str, Any]]

    @property
    def name(self) -> str:
        """What rows without an id are named after."""
        return self.where.removeprefix(PREFIX)

    def rows(self) -> Iterator[dict[str, Any]]:
        """The rows, from the first one at each call.

        Raises:
            UserError: there is no column `text`, or the data set cannot be read further.
        """
        stream, number = iter(self.stream), 0
        while True:
            after = f" after row {number}" if number else ""
            advice = "a damaged data set can be downloaded, and its files added with --skip-bad"
            with _explained(self.where, f"cannot be read{after}; {advice}"):
                row = next(stream, None)
            if row is None:
                return
            if not number and "text" not in row:
                columns = ", ".join(row)
                raise UserError(
                    f"{self.where}: no column 'text'; its columns are: {columns}; download the data set and rename the "
                    f"one that holds the text"
                )
            number += 1
            yield row


def find_split(where: str) -> HubSplit:
    """What a location names.

    Raises:
        UserError: the extra is missing, or there is no such data set, configuration or split.
    """
    name, _, rest = where.removeprefix(PREFIX).partition(":")
    config, _, split = rest.partition(":")
    split = split or "train"
    if not name:
        raise UserError("hf: needs the name of a data set, as in hf:ORG/NAME")
    try:
        import datasets  # pyright: ignore[reportMissingImports]
    except ImportError:
        raise UserError(
            f"{where}: reading data sets of the Hugging Face Hub needs an extra package; "
            f"run: pip install 'assay[datasets]'"
        ) from None
    with _explained(where, "the data set cannot be opened; check its name and the network"):
        configs = datasets.get_dataset_config_names(name)
        config = config or datasets.get_dataset_default_config_name(name) or ""
    if config not in configs:
        problem = f"has no configuration '{config}'" if config else "has several configurations"
        raise UserError(f"{where}: the data set {problem}; name one of {_list(configs)}, as in hf:{name}:{configs[0]}")
    with _explained(where, "the data set cannot be opened; check its files and the network"):
        builder = datasets.load_dataset_builder(name, config)
        streams = builder.as_streaming_dataset()
    if split not in streams:
        first = next(iter(streams))
        raise UserError(
            f"{where}: the data set has no split '{split}'; name one of {_list(list(streams))}, "
            f"as in hf:{name}:{config}:{first}"
        )
    files = {str(key): [list(found), found.origin_metadata] for key, found in (builder.config.data_files or {}).items()}
    said = (builder.info.splits or {}).get(split)
    state = sha256_text(canonical_json(files.get(split, [])))[:16]
    return HubSplit(where, (said.num_bytes or 0) if said else 0, state, streams[split])


def _list(names: Sequence[str]) -> str:
    shown = ", ".join(names[:20])
    return f"{shown} and {len(names) - 20} more" if len(names) > 20 else shown


@contextmanager
def _explained(where: str, problem: str) -> Generator[None]:
    """Whatever the network, the hub or the format of a data set can raise, as one sentence."""
    what, semicolon, advice = problem.partition(";")
    try:
        yield
    except Exception as error:
        first = (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")
        raise UserError(f"{where}: {what} ({first}){semicolon}{advice}") from None
