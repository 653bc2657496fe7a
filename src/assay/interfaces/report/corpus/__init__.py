"""The page of a corpus report, drawn from the facts of `assay.corpus.analysis`."""
