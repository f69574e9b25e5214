"""From a model spec to something that answers: local models through an engine process, remote ones over HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Collection, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, aclosing
from typing import Protocol

from data_gen.chat import ChatModel, Completion, Conversation, Delta, EchoModel, Sampling, Waiting
from data_gen.openai_spec import api_key_for, origin, parse_openai_spec
from janus_space import catalogue
from janus_space.access import current_caller
from janus_space.errors import UnknownModel
from janus_space.home import Home
from janus_space.jobs import Jobs
from janus_space.training import named_model
from trainer.model_spec import ModelSpec

FORMS = (
    "embedded:smollm2, hf:ORG/NAME[@REVISION][+ADAPTER], path:FOLDER[+ADAPTER], job:NAME, openai:MODEL[@BASE_URL]"
    " or echo:"
)

# An engine that has died closes its connections at once, so its silence is work: a long prompt on a slow CPU.
_ENGINE_SECONDS = 900.0


class Endpoint(Protocol):
    """Where an engine answers: an OpenAI base URL, ending in /v1, and the token it wants."""

    @property
    def url(self) -> str: ...
    @property
    def token(self) -> str: ...


class Engines(Protocol):
    """The engines of this machine, started when they are needed."""

    def lease(self, base: str, device: str, on_wait: Callable[[str], None]) -> AbstractAsyncContextManager[Endpoint]:
        """Hold an engine of that base for one answer; `on_wait` hears on the event loop why it takes time."""
        ...


class Holder(Protocol):
    """What holds a base in the app's own process, as on ZeroGPU."""

    @property
    def base(self) -> str: ...

    def chat_model(self, spec: str, weights: ModelSpec) -> ChatModel | None:
        """Return the model that these weights name; None where they are not held."""
        ...


class Models:
    """What can be asked here. Where strangers come in, they reach the models of the table and those that are `offered`,
    and neither folders, nor the network, nor the house's key. Its owner reaches everything there, too.
    """

    def __init__(
        self,
        home: Home,
        engines: Engines,
        *,
        hosted: bool = False,
        offered: Collection[str] = frozenset(),
        holder: Holder | None = None,
    ) -> None:
        self.home = home
        self.engines = engines
        self._holder = holder
        self._has_strangers = hosted
        self._offered = offered

    @property
    def held(self) -> str | None:
        """The base that this process holds, for which a GPU is lent when it is asked."""
        return self._holder.base if self._holder is not None else None

    @property
    def hosted(self) -> bool:
        """Whether whoever asks now is a stranger here; while the page is built, nobody asks, and anybody may."""
        caller = current_caller()
        return self._has_strangers and not (caller is not None and caller.is_owner)

    def chat_model(self, spec: str, device: str = "auto", session_keys: Mapping[str, str] | None = None) -> ChatModel:
        """Return the model that `spec` names; nothing is loaded or asked yet.

        Raises:
            UnknownModel: no model goes by that spec, or it may not be used here
            BadRequest, ModelNotFound, ModelRefused: the spec is of a known form and wrong in itself
        """
        spec = spec.strip()
        kind = spec.partition(":")[0]
        if spec == "echo:":
            return EchoModel()
        if kind == "openai":
            return self._remote(spec, session_keys or {})
        if kind == "job":
            return self._placed(spec, self._trained(spec.removeprefix("job:")), device)
        if kind not in ("embedded", "hf", "path"):
            raise UnknownModel(f"No model goes by {spec[:100]!r}; models are written {FORMS}.")
        return self._local(spec, device)

    def _remote(self, spec: str, session_keys: Mapping[str, str]) -> ChatModel:
        # Importing the openai client takes half a second, which who asks no remote model need not wait.
        from data_gen.openai_chat import OpenAIChat

        model, base_url = parse_openai_spec(spec)
        if self.hosted and origin(base_url) not in _known_origins():
            raise UnknownModel(
                f"On this hosted Space, openai: models are asked only at {' and '.join(sorted(_known_origins()))};"
                " run Janus Space on your own machine to ask other addresses."
            )
        key = api_key_for(base_url, session_keys, {}) if self.hosted else api_key_for(base_url, session_keys)
        return OpenAIChat(spec, model, base_url, key)

    def _trained(self, name: str) -> ModelSpec:
        if self.hosted:
            raise UnknownModel("This hosted Space trains nothing: choose an embedded: or hf: model.")
        return named_model(Jobs(self.home), name)

    def _local(self, spec: str, device: str) -> ChatModel:
        weights = ModelSpec.parse(spec)
        if self.hosted and weights.names_a_folder:
            raise UnknownModel(
                "On this hosted Space, models come from no folder of its disk; choose an embedded: or hf: model,"
                " or run Janus Space on your own machine."
            )
        if self.hosted and spec not in self._offered and spec not in {entry.spec for entry in catalogue.entries()}:
            raise UnknownModel(
                "On this hosted Space, only the models of its table can be asked, since others would have to be"
                " fetched: choose one of them, or run Janus Space on your own machine."
            )
        return self._placed(spec, weights, device)

    def _placed(self, spec: str, weights: ModelSpec, device: str) -> ChatModel:
        held = self._holder.chat_model(spec, weights) if self._holder is not None and device == "auto" else None
        return held or LocalModel(spec, weights, device, self.engines)


class LocalModel:
    """A model of this machine, asked through the engine that holds its base. `spec` is what it was asked for by."""

    def __init__(self, spec: str, weights: ModelSpec, device: str, engines: Engines) -> None:
        self.spec = spec
        self.weights = weights
        self._device = device
        self._engines = engines

    async def stream(
        self, conversation: Conversation, sampling: Sampling
    ) -> AsyncGenerator[Waiting | Delta | Completion, None]:
        from data_gen.openai_chat import OpenAIChat
        from data_gen.openai_errors import Patience

        reasons: asyncio.Queue[str | None] = asyncio.Queue()
        lease = self._engines.lease(self.weights.base, self._device, reasons.put_nowait)
        async with AsyncExitStack() as held:
            starting = asyncio.ensure_future(held.enter_async_context(lease))
            starting.add_done_callback(lambda _: reasons.put_nowait(None))
            try:
                while (reason := await reasons.get()) is not None:
                    yield Waiting(reason=reason)
            finally:
                # Left early, the start is given up, and awaited so that it lets go of the engine.
                starting.cancel()
                await asyncio.gather(starting, return_exceptions=True)
            endpoint = starting.result()
            patience = Patience(byte_seconds=_ENGINE_SECONDS, piece_seconds=_ENGINE_SECONDS)
            model = OpenAIChat(
                self.spec, str(self.weights), endpoint.url, endpoint.token, dialect="engine", patience=patience
            )
            async with aclosing(model.stream(conversation, sampling)) as answer:
                async for event in answer:
                    yield event


def _known_origins() -> set[str]:
    return {origin(parse_openai_spec(entry.spec).base_url) for entry in catalogue.entries() if entry.is_remote}
