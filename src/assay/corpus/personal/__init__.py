"""Personal data in texts: where it is (by pattern and checksum), and text without it."""
