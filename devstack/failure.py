"""Owns the one error of the local stack: what is wrong and the one thing to do about it."""


class StackError(Exception):
    """The local stack cannot go on; carries a message and a remedy for the operator."""

    def __init__(self, message: str, remedy: str = "") -> None:
        super().__init__(message)
        self.remedy = remedy

    def __str__(self) -> str:
        message = super().__str__()
        return f"{message}\n  to do: {self.remedy}" if self.remedy else message
