"""Scaling laws from plain tables of runs: fits, what they rest on, and what they cannot say."""
