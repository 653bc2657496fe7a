"""Where a run is computed: one device, or several processes that share it. The training loop is the same for all."""
