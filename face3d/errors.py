"""The errors whose message alone is for the user, shared by all three steps."""


class InputError(ValueError):
    """Input that we cannot use: its message is one sentence saying what is wrong with which input and what to do.

    The command line prints the message and ends with exit status 2; every other exception is our failure (status 1).
    """


class OutputError(RuntimeError):
    """An output that cannot be written although nothing is wrong with the input: a full disk, a limit, a lost drive.

    Its message is one sentence that names the output and the reason; the exit status is 1.
    """
