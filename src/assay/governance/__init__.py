"""Conditions on promotion, and who decided what."""
