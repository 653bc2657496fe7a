"""The reference trainer: tokens and a run's order become a checkpoint, metrics and a result.

It reads `run.json` and writes `metrics.jsonl`, `checkpoint/`, `result.json` next to it, and nothing else. That
folder is the whole protocol, so any other program can take its place (`assay.training.external`).
Read `model`, then `trainer`. Only the modules below this package import torch, not the package itself.
"""
