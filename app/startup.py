"""Why the product cannot start, in one sentence."""


class StartupProblem(Exception):
    """Something at this machine prevents the start; the sentence says what, and what to do about it.

    The command line shows the sentence without a traceback and ends with ``exit_code`` (1: the machine, 2: what was
    asked for, such as an option or a setting).
    """

    def __init__(self, sentence: str, *, exit_code: int = 1) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.exit_code = exit_code
