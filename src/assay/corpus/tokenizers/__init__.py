"""Text to tokens and back: bytes, a byte-level BPE trained on the corpus, or any tokenizer.json."""
