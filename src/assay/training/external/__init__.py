"""Other programs as trainers: those that speak the run folder's protocol (`command`), and any others (`program`)."""
