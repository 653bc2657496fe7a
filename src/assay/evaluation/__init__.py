"""Scores: a checkpoint's bits per byte on held-out text, in another process than the one that trained it.

`python -m assay.evaluation RUN_FOLDER` scores one run; `score.score_run` is the same for a forked worker. Weights go
in, numbers come out: nothing that a run's training wrote decides how it is scored, except its weights.
"""
