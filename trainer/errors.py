"""What can go wrong with a model on this machine.

TrainerError
├── ModelError
│   ├── ModelNotFound    no such folder, package or repository
│   ├── ModelRefused     it would run foreign code or unpickle foreign files
│   ├── ModelCorrupt     files are damaged or incomplete
│   ├── ModelTooLarge    it does not fit this machine's memory
│   ├── StorageFailed    the disk is full or read-only
│   └── TemplateFailed   it has no chat template, or one that cannot be rendered
└── BadConversation      messages in an order that no chat template takes
"""


class TrainerError(Exception):
    """Root of everything this engine raises on purpose; the text is fit to be shown to a user."""


class ModelError(TrainerError):
    """A model cannot be used as asked."""


class ModelNotFound(ModelError):
    """There is no model where the spec points."""


class ModelRefused(ModelError):
    """The model would run code or unpickle data from outside."""


class ModelCorrupt(ModelError):
    """Files of the model are damaged or missing."""


class ModelTooLarge(ModelError):
    """The model does not fit the memory of this machine or device."""


class StorageFailed(ModelError):
    """The model's files cannot be written: the disk is full or read-only."""


class TemplateFailed(ModelError):
    """The model has no chat template, or one that cannot be rendered."""


class BadConversation(TrainerError):
    """The messages are not one optional system message and then user and assistant in turn."""
