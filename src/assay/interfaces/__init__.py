"""How people and programs use a lab: command line and report."""
