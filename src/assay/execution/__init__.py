"""Run orders in, finished runs out: on this machine's cores, or simulated with a clock of its own."""
