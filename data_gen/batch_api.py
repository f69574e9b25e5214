"""OpenAI's Batch API: a file of requests goes out, within a day a file of answers comes back, at half the price.

Only the wire is in here; `batch_work` knows what to send and what was already paid for.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Mapping
from contextlib import aclosing, contextmanager
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypeVar

from pydantic import BaseModel, ValidationError

from data_gen.asking import Answer, Request
from data_gen.errors import ChatError, ChatRefused, TeacherGone
from data_gen.openai_completion import Address, completion_body, read_answer, response_format
from data_gen.openai_connection import OpenAIConnection
from data_gen.openai_errors import Addressee, chat_error, garbage
from data_gen.openai_spec import host

_ENDPOINT = "/v1/chat/completions"
_NAME = "janus_space_batch"  # the field of a batch's metadata by which it is found again
_MAX_FILE_BYTES = 2**30
_ATTEMPTS = 6
# Codes in an error file, or an answer's status, after which the same request may well be answered.
_PASSING_STATUS = {408, 409, 429}

Got = TypeVar("Got")
Form = TypeVar("Form", bound=BaseModel)
Status = Literal["validating", "in_progress", "finalizing", "cancelling", "completed", "failed", "expired", "cancelled"]
_ENDED = {"completed", "failed", "expired", "cancelled"}


class _Problem(BaseModel):
    code: str | None = None
    message: str | None = None


class _Problems(BaseModel):
    data: tuple[_Problem, ...] | None = None


class Batch(BaseModel):
    """What is read of a batch."""

    id: str
    status: Status
    output_file_id: str | None = None
    error_file_id: str | None = None
    errors: _Problems | None = None
    metadata: dict[str, str] | None = None

    @property
    def has_ended(self) -> bool:
        return self.status in _ENDED

    @property
    def complaint(self) -> str:
        """Return what the endpoint says is wrong with the whole batch."""
        return "; ".join(problem.message or problem.code or "" for problem in (self.errors and self.errors.data) or ())


class _Batches(BaseModel):
    data: tuple[Batch, ...]
    has_more: bool = False


class _File(BaseModel):
    id: str


class _Response(BaseModel):
    status_code: int
    body: Any = None


class _Line(BaseModel):
    custom_id: str
    response: _Response | None = None
    error: _Problem | None = None


class BatchLine(NamedTuple):
    """One request's result; an error that `is_final` would come again, the others are worth sending once more."""

    custom_id: str
    result: Answer | ChatError
    is_final: bool


class BatchApi:
    """The few calls of the Batch API; every failure is one `ChatError` or, when it is for good, `TeacherGone`."""

    def __init__(self, model: str, address: Address, poll_seconds: float = 30.0) -> None:
        self.model = model
        self._address = address
        self._poll_seconds = poll_seconds
        self._addressee = Addressee(host(address.base_url), model, address.api_key or None)
        self._connection = OpenAIConnection(address.base_url, self._addressee, _MAX_FILE_BYTES)

    def line(self, custom_id: str, request: Request) -> str:
        """Write one request as a line of the input file."""
        body = completion_body(self.model, self._address, request)
        if request.answer_schema is not None:
            body["response_format"] = response_format(request)
        whole = {"custom_id": custom_id, "method": "POST", "url": _ENDPOINT, "body": body}
        return json.dumps(whole, ensure_ascii=False) + "\n"

    async def create(self, name: str, lines: Path) -> Batch:
        """Upload the file and start the batch; if the reply is lost, look whether it was started all the same."""

        async def upload() -> _File:
            async with self._connection.client() as client:
                return self._checked(await client.files.create(file=lines, purpose="batch"), _File)

        file = await self._patiently(upload)
        body = {"input_file_id": file.id, "endpoint": _ENDPOINT, "completion_window": "24h", "metadata": {_NAME: name}}
        try:
            with self._one_sentence():
                async with self._connection.client() as client:
                    return self._checked(await client.post("/batches", body=body, cast_to=object), Batch)
        except ChatError as error:
            found = None if isinstance(error, ChatRefused) else await self.find(name)
            if found is None:
                raise TeacherGone(f"The batch could not be started: {error}") from error
            return found

    async def find(self, name: str) -> Batch | None:
        """Return the batch that was created under this name, or None if there is none."""
        after = ""
        while True:
            batches = await self._get(f"/batches?limit=100{after}", _Batches)
            for batch in batches.data:
                if (batch.metadata or {}).get(_NAME) == name:
                    return batch
            if not batches.has_more or not batches.data:
                return None
            after = f"&after={batches.data[-1].id}"

    async def ended(self, batch_id: str) -> Batch:
        """Wait until the batch has ended, however it did."""
        while not (batch := await self._get(f"/batches/{batch_id}", Batch)).has_ended:
            await asyncio.sleep(self._poll_seconds)
        return batch

    async def lines(self, batch: Batch) -> AsyncGenerator[BatchLine, None]:
        """Yield the results of a batch, those of its error file too; some may come twice if the download broke off."""
        for file_id in (batch.output_file_id, batch.error_file_id):
            if file_id is None:
                continue
            for attempt in range(_ATTEMPTS):
                try:
                    async with aclosing(self._download(file_id)) as lines:
                        async for line in lines:
                            yield line
                    break
                except ChatError as error:
                    await self._pause_or_give_up(attempt, error)

    async def _download(self, file_id: str) -> AsyncGenerator[BatchLine, None]:
        with self._one_sentence():
            async with (
                self._connection.client() as client,
                client.files.with_streaming_response.content(file_id) as response,
            ):
                async for text in response.iter_lines():
                    if text.strip():
                        yield self._read(text)

    def _read(self, text: str) -> BatchLine:
        line = self._checked(json.loads(text), _Line)
        response = line.response
        if response is None:
            said = (line.error and (line.error.message or line.error.code)) or "no reason given"
            return BatchLine(line.custom_id, ChatError(f"{self._addressee.name} did not answer it: {said}"), False)
        if response.status_code != 200:
            said = _message(response.body)
            error = ChatError(f"{self._addressee.name} did not answer it ({response.status_code}{said}).")
            passes = response.status_code in _PASSING_STATUS or response.status_code >= 500
            return BatchLine(line.custom_id, error, not passes)
        try:
            return BatchLine(line.custom_id, read_answer(response.body, self._addressee), True)
        except ChatError as error:
            error.may_be_billed = True
            return BatchLine(line.custom_id, error, isinstance(error, ChatRefused))

    async def _get(self, path: str, form: type[Form]) -> Form:
        async def get() -> Form:
            async with self._connection.client() as client:
                return self._checked(await client.get(path, cast_to=object), form)

        return await self._patiently(get)

    async def _patiently(self, call: Callable[[], Awaitable[Got]]) -> Got:
        """Call again while what went wrong may pass by itself."""
        attempt = 0
        while True:
            try:
                with self._one_sentence():
                    return await call()
            except ChatError as error:
                await self._pause_or_give_up(attempt, error)
                attempt += 1

    async def _pause_or_give_up(self, attempt: int, error: ChatError) -> None:
        if isinstance(error, ChatRefused) or attempt + 1 >= _ATTEMPTS:
            raise TeacherGone(f"{error} What was answered is kept; the same work goes on from here.") from error
        wished = getattr(error, "retry_after_seconds", None)
        await asyncio.sleep(self._poll_seconds if wished is None else wished)

    @contextmanager
    def _one_sentence(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:
            # Any kind: the client lets through what its transport, its decoder and its JSON parser raise.
            raise chat_error(error, self._addressee, has_begun=False) from error

    def _checked(self, said: object, form: type[Form]) -> Form:
        try:
            return form.model_validate(said, from_attributes=True)
        except ValidationError as error:
            raise garbage(self._addressee, "does not answer as the Batch API does") from error


def _message(body: object) -> str:
    error = body.get("error") if isinstance(body, Mapping) else None
    said = error.get("message") if isinstance(error, Mapping) else None
    return f", “{said[:300]}”" if isinstance(said, str) else ""
