"""Removing documents on request: from every edition, from what was made of them, and from what quotes them."""
