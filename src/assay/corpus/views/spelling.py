"""From tokens back to the bytes of a text, quickly where each token stands for bytes of its own."""

import json
from collections.abc import Callable

import numpy as np

from assay.corpus.tokenizers.base import Tokenizer
from assay.corpus.tokenizers.bpe import byte_characters
from assay.corpus.tokenizers.hf import byte_level

Spell = Callable[[np.ndarray], bytes]


def spelling(tokenizer: Tokenizer) -> Spell:
    """A function from a document's tokens, without end of text, to its UTF-8."""
    if tokenizer.serialised is None:
        return lambda tokens: tokens.astype(np.uint8).tobytes()
    if not byte_level(tokenizer.serialised):
        return lambda tokens: tokenizer.decode(tokens).encode()
    bytes_of = {character: byte for byte, character in enumerate(byte_characters())}
    spelled = [b""] * tokenizer.vocab
    for token, number in json.loads(tokenizer.serialised)["model"]["vocab"].items():
        if all(character in bytes_of for character in token):
            spelled[number] = bytes(bytes_of[character] for character in token)
    return lambda tokens: b"".join(map(spelled.__getitem__, tokens.tolist()))
