"""The one exception type that means "the user can fix this"."""


class UserError(ValueError):
    """Bad input or a wrong state that a person can put right.

    The message is one clear sentence that names the file, the field and what was expected, and says what to
    do next. The command line prints it without a traceback and exits with code 2.
    """
