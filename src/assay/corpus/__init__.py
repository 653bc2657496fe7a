"""Text to tokens: sources, duplicates, split, shards and held-out spans; provenance throughout."""
