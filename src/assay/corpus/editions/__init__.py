"""Editions: the documents of a lab after each step, kept and removed ones, with where they come from."""
