"""The loop that joins everything: observe, propose, register, screen, replicate, confirm, promote."""
