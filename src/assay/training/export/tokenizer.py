"""A corpus's tokenizer as `transformers` reads it: `tokenizer.json` and `tokenizer_config.json`."""

import json
from pathlib import Path
from typing import Any

from assay.corpus.manifest import open_corpus
from assay.corpus.tokenizers.base import END_OF_TEXT
from assay.corpus.tokenizers.bpe import byte_characters
from assay.corpus.tokenizers.bytes import Bytes


def tokenizer_files(corpus: Path, context: int) -> dict[str, bytes]:
    """Both files. Ids are those of training; text never becomes the end-of-text token, whatever it spells."""
    manifest, end = open_corpus(corpus, withdrawn=True), END_OF_TEXT
    if manifest.tokenizer == "bytes":
        tokenizer = json.dumps(byte_tokenizer(), ensure_ascii=False, indent=1).encode()
    else:
        tokenizer = (corpus / "tokenizer.json").read_bytes()
        added = {token["id"]: token["content"] for token in json.loads(tokenizer)["added_tokens"]}
        end = added[manifest.end_of_text]
    settings = {
        "tokenizer_class": "PreTrainedTokenizerFast", "eos_token": end, "bos_token": end,
        "split_special_tokens": True, "clean_up_tokenization_spaces": False, "model_max_length": context,
    }  # fmt: skip
    return {"tokenizer.json": tokenizer, "tokenizer_config.json": json.dumps(settings, indent=1).encode()}


def byte_tokenizer() -> dict[str, Any]:
    """A byte-level BPE without merges: token b is byte b, and 256 is end of text."""
    level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": False, "use_regex": False}
    end = {
        "id": Bytes.end_of_text, "content": END_OF_TEXT, "single_word": False, "lstrip": False, "rstrip": False,
        "normalized": False, "special": True,
    }  # fmt: skip
    vocab = {character: byte for byte, character in enumerate(byte_characters())} | {END_OF_TEXT: Bytes.end_of_text}
    return {
        "version": "1.0", "truncation": None, "padding": None, "added_tokens": [end], "normalizer": None,
        "pre_tokenizer": level, "post_processor": None, "decoder": level,
        "model": {
            "type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None,
            "end_of_word_suffix": None, "fuse_unk": False, "byte_fallback": False, "ignore_merges": False,
            "vocab": vocab, "merges": [],
        },
    }  # fmt: skip
