"""Sections of `benchmarks/corpus.py`, one a file.

A section is a module whose docstring begins with its title, with a function
`measure(options: harness.Options) -> tuple[dict, str]` that gives its numbers as plain data and as Markdown, or raises
`harness.Missing` where the machine lacks what it needs. To add one, write a file here.
"""
