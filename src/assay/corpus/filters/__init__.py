"""Filters: each measures texts, with rules that compare the measures to thresholds, or has edits that change texts."""
