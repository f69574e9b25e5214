"""What can go wrong when a language model is asked, normalised at the edge.

ChatError
├── ChatRefused        the endpoint said no: wrong key, unknown model, bad request
├── ChatRateLimited    429: too many requests, or no credit left
├── ChatTimeout        no answer in time
├── ChatUnavailable    nobody listens there, or the endpoint failed (5xx)
├── ChatCutOff         the stream ended before the answer did
└── ChatGarbage        the reply is not an OpenAI chat completion (HTML, broken JSON, no choices)

A caller writes:

    try:
        async for event in model.stream(conversation, sampling): ...
    except ChatError as error:
        show(str(error))            # one sentence: what, where, what to do
"""


class DataGenError(Exception):
    """Root of everything this engine raises on purpose; the text is fit to be shown to a user."""


class BadRequest(DataGenError):
    """The user asked for something that cannot be done as written."""


class ChatError(DataGenError):
    """A model could not answer."""


class ChatRefused(ChatError):
    """The endpoint said no; asking again as it stands will not help."""


class ChatRateLimited(ChatError):
    """The endpoint asks to slow down; `retry_after_seconds` is its own wish, when it told one."""

    def __init__(self, message: str, retry_after_seconds: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class ChatTimeout(ChatError):
    """No answer came in time."""


class ChatUnavailable(ChatError):
    """Nobody answers at that address, or the endpoint itself failed."""


class ChatCutOff(ChatError):
    """The stream ended without a finish reason: what arrived is not an answer."""


class ChatGarbage(ChatError):
    """The reply is not a chat completion."""
