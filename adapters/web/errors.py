"""The error of a download."""


class FetchError(Exception):
    """A file cannot be downloaded. The message continues a sentence that starts with its quoted URL.

    Attributes:
        status: status code of the response, if it is the reason.
        is_host_down: other files of the same host would fail with the same message.
        is_transient: the same request may succeed later.
    """

    def __init__(
        self, message: str, *, status: int = 0, is_host_down: bool = False, is_transient: bool = False
    ) -> None:
        super().__init__(message)
        self.status = status
        self.is_host_down = is_host_down
        self.is_transient = is_transient
