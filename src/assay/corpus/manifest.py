"""What a corpus folder holds: `manifest.json`, read back as frozen models."""

import json
from pathlib import Path

from pydantic import Field

from assay.corpus.repetition import MOST_EPOCHS
from assay.corpus.tokenizers.base import token_type
from assay.spec.base import Frozen
from assay.spec.data_cost import Amounts, DataCost
from assay.spec.errors import UserError

#: In the folder of a corpus that holds no tokens any more: one sentence that says why.
WITHDRAWN = "withdrawn.txt"


class TrainText(Frozen):
    """The training side of a domain. Tokens include one end of text a document."""

    documents: int
    bytes: int
    tokens: int
    shards: tuple[str, ...] = Field(description="paths in the corpus folder, in the order of the token stream")


class HeldoutText(Frozen):
    """The held-out side of a domain, of which spans.jsonl is a sample."""

    documents: int
    bytes: int


class Domain(Frozen):
    train: TrainText
    heldout: HeldoutText


class Manifest(Frozen):
    """A tokenised corpus. `id` is the content hash of all that decides its tokens and spans."""

    id: str
    tokenizer: str = Field(description="'bytes', 'bpe:N', or 'hf:' and the beginning of a hash of tokenizer.json")
    vocab: int
    end_of_text: int
    domains: dict[str, Domain] = Field(min_length=1)
    dropped_duplicates: int
    span_bytes: int = Field(description="most held-out bytes a domain in spans.jsonl")
    vault: str = Field(default="", description="commitment to the sealed documents: a hash of them; '': there are none")

    def train_tokens(self) -> dict[str, int]:
        """Training tokens by domain."""
        return {name: domain.train.tokens for name, domain in self.domains.items()}


def is_withdrawn(folder: Path) -> bool:
    """Whether the tokens of a corpus were deleted, because text was removed on request."""
    return (folder / WITHDRAWN).exists()


def open_corpus(folder: Path, *, withdrawn: bool = False) -> Manifest:
    """Read and check a corpus folder.

    Args:
        withdrawn: one whose tokens were deleted, because text was removed on request, will do.

    Raises:
        UserError: it is withdrawn, missing or damaged: no manifest, a manifest that does not read, shards that are
            missing or have another length than the manifest says.
    """
    path = folder / "manifest.json"
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        raise UserError(f"{folder}: no corpus here (manifest.json is missing); build it with 'assay init'") from None
    except ValueError as error:
        raise UserError(f"{path}: damaged ({error}); delete {folder} and build it again") from None
    manifest = Manifest.parse(data, str(path))
    if is_withdrawn(folder):
        if withdrawn:
            return manifest
        raise UserError(f"{folder}: {(folder / WITHDRAWN).read_text(encoding='utf-8').strip()}")
    for name, domain in manifest.domains.items():
        shards = [folder / shard for shard in domain.train.shards]
        missing = [shard for shard in shards if not shard.is_file()]
        if missing:
            raise UserError(f"{missing[0]}: this shard is missing; delete {folder} and build it again")
        size = sum(shard.stat().st_size for shard in shards)
        expected = token_type(manifest.vocab).itemsize * domain.train.tokens
        if size != expected:
            raise UserError(
                f"{folder}: the shards of domain '{name}' hold {size} bytes, but manifest.json says "
                f"{expected}; delete the folder and build it again"
            )
    return manifest


def check_size(manifest: Manifest, tokens_needed: int) -> None:
    """Raise `UserError` when a run of this many tokens would read the training text more than four times."""
    available = sum(manifest.train_tokens().values())
    if tokens_needed > MOST_EPOCHS * available:
        raise UserError(
            f"the corpus is too small for the ladder: its largest scale trains on {tokens_needed:,} tokens, which is "
            f"{tokens_needed / available:.1f} times the {available:,} training tokens of corpus {manifest.id}, and "
            f"more than {MOST_EPOCHS} times is too much repetition; add text worth at least "
            f"{-(-tokens_needed // MOST_EPOCHS) - available:,} tokens, or give a ladder with fewer FLOPs "
            f"(assay init --ladder)"
        )


def amounts(manifest: Manifest) -> Amounts:
    """How much there is to train on."""
    sides = [domain.train for domain in manifest.domains.values()]
    return Amounts(
        documents=sum(side.documents for side in sides),
        bytes=sum(side.bytes for side in sides),
        tokens=sum(side.tokens for side in sides),
    )


def whole(manifest: Manifest) -> DataCost:
    """The data cost of training on all of a corpus."""
    return DataCost(
        view=manifest.id, content="", cpu_seconds=0.0, removed=Amounts(), left=amounts(manifest),
        tokens=manifest.train_tokens(),
    )  # fmt: skip
