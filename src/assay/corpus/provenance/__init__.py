"""Where a document comes from and what became of it."""
