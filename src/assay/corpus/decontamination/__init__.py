"""Which documents hold text of the evaluations: an index of n-grams, what matches it, and what is done about it.

Words, hashes and matches are computed for a block of texts at once, with numpy.
"""
