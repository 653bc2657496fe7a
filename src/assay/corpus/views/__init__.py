"""Views: what a recipe selects of a corpus' training text, as a folder that trains like a corpus."""
