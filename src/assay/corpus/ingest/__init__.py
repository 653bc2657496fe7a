"""Taking text into a lab, with where it comes from."""
