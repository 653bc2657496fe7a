"""Tokenizers by name, and that of a corpus."""

from pathlib import Path

from assay.corpus.manifest import open_corpus
from assay.corpus.tokenizers.base import Tokenizer, Wanted
from assay.corpus.tokenizers.bytes import Bytes
from assay.spec.errors import UserError
from assay.spec.registry import load, names


def tokenizer_named(text: str) -> Wanted:
    """What `bytes`, `bpe:N`, `hf:PATH` or just the path of a tokenizer.json names.

    Raises:
        UserError: it names nothing.
    """
    kind, _, argument = text.partition(":")
    if kind in names("tokenizer"):
        return load("tokenizer", kind)(argument)
    if Path(text).expanduser().exists() or "/" in text or text.endswith(".json"):
        return load("tokenizer", "hf")(text)
    raise UserError(
        f"tokenizer '{text}' is not known: write 'bytes', 'bpe:N' with a vocabulary N from 257 to 65536, for example "
        f"bpe:4096, or the path of a tokenizer.json"
    )


def load_tokenizer(folder: Path) -> Tokenizer:
    """The tokenizer of a corpus folder. Raises `UserError` when the folder or the tokenizer is damaged."""
    if open_corpus(folder, withdrawn=True).tokenizer == "bytes":
        return Bytes()
    from assay.corpus.tokenizers.hf import HuggingFace  # brings pyarrow and tokenizers, which start a thread

    path = folder / "tokenizer.json"
    try:
        return HuggingFace(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: not a readable tokenizer ({error}); delete {folder} and build it again") from None
