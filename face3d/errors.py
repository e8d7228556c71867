"""The one error that means "the user's input was wrong", shared by all three steps."""


class InputError(ValueError):
    """Input that we cannot use: its message is one sentence saying what is wrong with which input and what to do.

    The command line prints the message and ends with exit status 2; every other exception is our failure (status 1).
    """
