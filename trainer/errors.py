"""What can go wrong when a model is loaded or trained.

TrainerError
├── ModelError
│   ├── ModelNotFound    no such folder, package or repository
│   ├── ModelRefused     it would run foreign code or unpickle foreign files
│   ├── ModelCorrupt     files are damaged or incomplete
│   ├── ModelTooLarge    it does not fit this machine's memory
│   ├── StorageFailed    the disk is full or read-only
│   └── TemplateFailed   it has no chat template, or one that cannot be rendered
├── BadConversation      messages in an order that no chat template takes
├── BadConfig            the training config cannot be done as written
├── BadDataset           the dataset cannot be read, or holds rows that cannot be trained on
├── JobBusy              another process is at work in the job's folder
└── TrainingFailed       the run broke off
    └── OutOfMemory      the device's memory was too small for it
"""

from __future__ import annotations

from typing import Any


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


class BadConfig(TrainerError):
    """The training config asks for something that cannot be done as written."""


class BadDataset(TrainerError):
    """The dataset cannot be read, or holds rows that cannot be trained on."""


class JobBusy(TrainerError):
    """Another process is at work in the job's folder."""


class TrainingFailed(TrainerError):
    """The run broke off; what was saved is kept, and the same command goes on from there."""


class OutOfMemory(TrainingFailed):
    """The run needs more memory than the device has; `cure` holds options that make it smaller."""

    def __init__(self, message: str, cure: dict[str, Any]) -> None:
        super().__init__(message)
        self.cure = cure
