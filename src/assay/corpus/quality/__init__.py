"""A classifier of quality: labels on a rubric, how far labellers agree, a linear model of them, and what it prefers."""
