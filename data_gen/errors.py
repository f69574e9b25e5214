"""What can go wrong when a language model is asked, normalised at the edge.

DataGenError
├── BadRequest             the user asked for something that cannot be done as written
├── ChatError              a model could not answer (below)
└── WorkHalted             nothing more can be asked for now; what was answered is kept, and the work can go on later
    ├── StorageFailed      the disk is full, read-only or damaged
    ├── BudgetSpent        the next request could cost more than what is left
    └── TeacherGone        no endpoint of the teacher is worth asking any more

ChatError
├── ChatRefused        the endpoint said no: wrong key, unknown model, bad request
├── ChatRateLimited    429: too many requests
│   └── ChatCreditSpent    429, and waiting will not help: no credit left
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


class WorkHalted(DataGenError):
    """Nothing more can be asked for now; all that was answered is kept, and the same work goes on from there."""


class StorageFailed(WorkHalted):
    """Answers cannot be kept: the disk is full or read-only, or the ledger's file is damaged or in use."""


class BudgetSpent(WorkHalted):
    """The next request could cost more than is left of the budget."""


class TeacherGone(WorkHalted):
    """No endpoint of the teacher is worth asking any more: wrong key, no credit, or dead for too long."""


class ChatError(DataGenError):
    """A model could not answer. `may_be_billed` says that the endpoint may charge for an answer that never came."""

    may_be_billed = False


class ChatRefused(ChatError):
    """The endpoint said no; asking again as it stands will not help."""


class ChatRateLimited(ChatError):
    """The endpoint asks to slow down; `retry_after_seconds` is its own wish, when it told one."""

    def __init__(self, message: str, retry_after_seconds: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class ChatCreditSpent(ChatRateLimited):
    """The key's credit is used up; asking again will not help."""


class ChatTimeout(ChatError):
    """No answer came in time."""


class ChatUnavailable(ChatError):
    """Nobody answers at that address, or the endpoint itself failed."""


class ChatCutOff(ChatError):
    """The stream ended without a finish reason: what arrived is not an answer."""


class ChatGarbage(ChatError):
    """The reply is not a chat completion."""
