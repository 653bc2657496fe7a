"""The report: one self-contained HTML page drawn from a lab's facts, without scripts and without network."""
