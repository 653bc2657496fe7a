"""Who is at work, so that every decision has an author."""

import getpass
import os


def user_name() -> str:
    """The user's name; the number where the system knows no name, as in many containers."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # which of the two depends on the version of Python
        return f"user-{os.getuid()}"
