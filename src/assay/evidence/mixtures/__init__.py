"""From mixture weights to losses: regressions with uncertainty, the best mixture, and which mixtures to train next.

The design and the task are those of RegMix (Liu et al. 2024, "RegMix: Data Mixture as Regression for Language Model
Pre-training", arXiv:2407.01492): train many small models on different mixtures, regress their losses on the weights,
and read off the mixture to train a large one on.
"""
