"""From the sizes of domains, or weights by hand, to what a run draws from each: rules, limits on repetition, stages."""
