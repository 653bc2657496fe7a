"""Editions of a lab's text: `text/<id>/`, what each holds, which is the newest and which came before."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import Field

from assay.corpus.private import write_private
from assay.corpus.steps.account import Account, Amount
from assay.corpus.workfolder import sync, sync_tree
from assay.spec.base import Frozen, canonical_json, sha256_text
from assay.spec.errors import UserError

TEXT = "text"
MANIFEST = "edition.json"
ACCOUNT = "account.json"
REPORT = "report.json"
_NEWEST = "newest"


class ShardFiles(Frozen):
    """A contiguous range of the documents: `kept/<name>.parquet` and `removed/<name>.parquet`."""

    name: str
    documents: int = Field(description="kept")
    bytes: int = Field(description="of the text kept, as UTF-8")
    removed: int


class Edition(Frozen):
    """`edition.json`. The id covers what was done to what and what came out, and neither shards nor dates."""

    step: str
    parameters: dict[str, Any]
    parent: str = Field(default="", description="id of the edition before; '': the first")
    root: str = Field(description="Merkle root over the documents kept, in order (RFC 6962)")
    removed_root: str = Field(description="the same over the documents removed")
    documents: int
    bytes: int
    domains: dict[str, Amount] = Field(description="documents kept")
    tool: str = Field(description="program and version")
    shards: tuple[ShardFiles, ...]

    @property
    def id(self) -> str:
        """16 hex digits."""
        said = self.model_dump(mode="json", include={"step", "parameters", "parent", "root", "removed_root"})
        return sha256_text(canonical_json(said))[:16]


class OpenEdition:
    """An edition on disk.

    Attributes:
        folder: `LAB/text/<id>`.
        manifest: what it is.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        try:
            data = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise UserError(
                f"{folder / MANIFEST}: cannot be read ({error}); restore the folder from a copy, or go back to "
                f"an earlier edition"
            ) from None
        self.manifest = Edition.parse(data, str(folder / MANIFEST))
        for shard in self.manifest.shards:
            for side in ("kept", "removed"):
                if not self.shard(shard.name, side).is_file():
                    raise UserError(f"{self.shard(shard.name, side)}: missing; restore the folder from a copy")

    @property
    def id(self) -> str:
        return self.manifest.id

    def shard(self, name: str, side: str = "kept") -> Path:
        return self.folder / side / f"{name}.parquet"

    def account(self) -> Account:
        """What the step did, with the time it took."""
        return Account.parse(json.loads((self.folder / ACCOUNT).read_text(encoding="utf-8")), ACCOUNT)

    def report(self) -> dict[str, Any]:
        """What the step learned and decided."""
        return json.loads((self.folder / REPORT).read_text(encoding="utf-8"))


def newest_edition(lab: Path) -> OpenEdition:
    """The edition that the next step starts from. Raises `UserError` if the lab has none."""
    try:
        name = (lab / TEXT / _NEWEST).read_text(encoding="utf-8").strip()
    except OSError:
        raise UserError(f"{lab}: no text here yet; `assay corpus add {lab} NAME=PATH` takes some in") from None
    return OpenEdition(lab / TEXT / name)


def find_edition(lab: Path, name: str) -> OpenEdition:
    """The edition whose id begins so. Raises `UserError` unless that is just one."""
    found = [path for path in sorted((lab / TEXT).glob(f"{name}*")) if (path / MANIFEST).is_file()]
    if len(found) != 1 or len(name) < 4:
        known = ", ".join(edition.id for edition in lineage(newest_edition(lab)))
        raise UserError(f"{lab}: no edition is called '{name}'; the newest and those before it are {known}")
    return OpenEdition(found[0])


def lineage(edition: OpenEdition) -> Iterator[OpenEdition]:
    """The edition, the one before it, and so on to the first."""
    while True:
        yield edition
        if not edition.manifest.parent:
            return
        edition = OpenEdition(edition.folder.parent / edition.manifest.parent)


def has_text(lab: Path) -> bool:
    """Whether a lab has any edition."""
    return (lab / TEXT / _NEWEST).is_file()


def publish(lab: Path, folder: Path, manifest: Edition, account: Account, report: dict[str, Any]) -> None:
    """Give a folder with the shards of a new edition its name, and have later steps start from it."""
    place(lab, folder, manifest, account, report)
    start_from(lab, manifest.id)


def place(lab: Path, folder: Path, manifest: Edition, account: Account, report: dict[str, Any]) -> None:
    """Give a folder with the shards of an edition its name. Nothing has that name before all of it is on disk."""
    for name, data in (
        (MANIFEST, manifest.model_dump(mode="json")),
        (ACCOUNT, account.model_dump(mode="json", by_alias=True)),
        (REPORT, report),
    ):
        (folder / name).write_text(json.dumps(data, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    sync_tree(folder)
    final = lab / TEXT / manifest.id
    if not final.exists():
        folder.rename(final)
        sync(final.parent)


def start_from(lab: Path, edition: str) -> None:
    """Have later steps start from an edition, by its id."""
    temporary = lab / TEXT / f".tmp-{_NEWEST}"
    write_private(temporary, edition + "\n")
    temporary.replace(lab / TEXT / _NEWEST)
    sync(lab / TEXT)
