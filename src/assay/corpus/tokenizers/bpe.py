"""`bpe:N`: a byte-level BPE trained on the corpus (Sennrich et al. 2016, on bytes as GPT-2)."""

from collections.abc import Iterable

import numpy as np
from tokenizers import AddedToken, decoders, models, pre_tokenizers
from tokenizers import Tokenizer as HfTokenizer

from assay.corpus.tokenizers.base import END_OF_TEXT, Wanted
from assay.corpus.tokenizers.counting import count_words
from assay.corpus.tokenizers.merges import learn_merges
from assay.spec.errors import UserError

FEWEST, MOST = 257, 1 << 16


def wanted(argument: str) -> Wanted:
    """What `bpe:N` names."""
    from assay.corpus.tokenizers.hf import HuggingFace

    size = int(argument) if argument.isascii() and argument.isdigit() else 0
    if not FEWEST <= size <= MOST:
        raise UserError(
            f"tokenizer 'bpe:{argument}' is not known: write 'bpe:N' with a vocabulary N from {FEWEST} to {MOST}, for "
            f"example bpe:4096"
        )
    return Wanted(f"bpe:{size}", size, True, lambda documents: HuggingFace(train_bpe(documents(), size)))


def train_bpe(documents: Iterable[bytes], size: int) -> str:
    """Train a byte-level BPE of at most `size` tokens, end of text included; the text of its `tokenizer.json`.

    The same documents in any order give the same tokenizer, and the one that the trainer of `tokenizers` gives.

    Args:
        documents: UTF-8, read once.
    """
    words, counts = count_words(documents)
    characters = byte_characters()
    in_order = sorted(range(256), key=lambda byte: characters[byte])
    first = np.empty(256, np.int64)
    first[in_order] = np.arange(1, 257)
    spelled = [END_OF_TEXT, *(characters[byte] for byte in in_order)]
    merges: list[tuple[str, str]] = []
    for left, right in learn_merges(words, counts, first, len(spelled), size):
        merges.append((spelled[left], spelled[right]))
        spelled.append(spelled[left] + spelled[right])
    tokenizer = HfTokenizer(models.BPE({token: number for number, token in enumerate(spelled)}, merges))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(END_OF_TEXT, normalized=False, special=True)])
    return tokenizer.to_str(pretty=True)


def byte_characters() -> list[str]:
    """The character that stands for each byte in byte-level BPE.

    Printable ones of Latin-1 stand for themselves, the others for those from U+0100 on, in order (Radford et al. 2019,
    `bytes_to_unicode` in GPT-2's published code).
    """
    printable = {*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)}
    others = [byte for byte in range(256) if byte not in printable]
    return [chr(byte if byte in printable else 256 + others.index(byte)) for byte in range(256)]
