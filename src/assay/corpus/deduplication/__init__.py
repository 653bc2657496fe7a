"""Duplicates: of whole documents (exact, normalised, near), and of lines, paragraphs and passages within them."""
