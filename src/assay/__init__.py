"""assay: a pre-training research lab in which only verified gains count."""
