"""Researchers: what is known so far becomes proposals.

A researcher is anything with a `name` and `propose(view, n)` (`assay.spec.protocols.Researcher`). To add one:
write one module here, announce it in `assay.spec.registry`, build it in `create`, and run
`tests/conformance/test_researcher.py`. What a person or an agent proposes arrives as a file (`human`).
"""
