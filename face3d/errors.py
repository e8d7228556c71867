"""The errors that are told to the user in one sentence, shared by all three steps."""


class InputError(ValueError):
    """Input that we cannot use: its message is one sentence saying what is wrong with which input and what to do.

    The command line prints the message and ends with exit status 2; every other exception is our failure (status 1).
    """


class InstallationError(RuntimeError):
    """A file that ships with us is missing or damaged: our failure, exit status 1.

    Attributes:
        problem: what is wrong with which file.
        remedy: what to do about it.
    """

    def __init__(self, problem: str, remedy: str) -> None:
        super().__init__(f"{problem}; {remedy}.")
        self.problem = problem
        self.remedy = remedy


class OutputError(RuntimeError):
    """An output that cannot be written although nothing is wrong with the input: a full disk, a limit, a lost drive.

    Its message is one sentence that names the output and the reason; the exit status is 1.
    """
