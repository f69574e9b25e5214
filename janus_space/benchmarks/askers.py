"""From a model's spec to somebody who answers, with a ledger between wherever an answer costs something."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager

from data_gen.asking import Answer, Failure, Request
from data_gen.chat import ChatModel, Completion, EchoModel
from data_gen.cost import Budget
from data_gen.errors import ChatError, TeacherGone, WorkHalted
from data_gen.interruptible import STOPPED, Interruptible
from data_gen.ledger import Ledger
from data_gen.openai_completion import Address
from data_gen.openai_spec import api_key_for, parse_openai_spec
from data_gen.teacher import Limits, Teacher
from data_gen.work import Work
from janus_space.bench_order import BenchJob
from janus_space.benchmarks.bench import Model
from janus_space.jobs import Jobs
from janus_space.models import LocalModel, Models
from janus_space.rewards import RewardModel
from trainer.model_spec import ModelSpec


class ChatAsker(Interruptible):
    """Any `ChatModel` as an `Asker`: for models that cost nothing and always answer the same, such as `echo:`."""

    def __init__(self, model: ChatModel) -> None:
        super().__init__()
        self._model = model

    async def ask(self, request: Request) -> Answer | Failure:
        """Return the whole answer."""
        await self.until_it_may_run()
        if self.is_stopped:
            return STOPPED
        try:
            async for event in self._model.stream(request.conversation, request.sampling):
                if isinstance(event, Completion):
                    return Answer(event.text, event.finish_reason, event.prompt_tokens or 0, event.tokens or 0)
        except ChatError as error:
            return Failure("failed", str(error))
        return Failure("failed", f"{self._model.spec} ended without an answer.")


class Askers:
    """Opens the models of one job, and passes on the wish to stop to all that are open."""

    def __init__(
        self,
        order: BenchJob,
        models: Models,
        ledger: Ledger,
        keys: Mapping[str, str],
        say: Callable[[str], None],
    ) -> None:
        self._order, self._models, self._ledger, self._keys, self._say = order, models, ledger, keys, say
        self._opened: set[Interruptible] = set()
        self.is_stopped = False
        self.halt: WorkHalted | None = None

    def stop(self) -> None:
        """Ask for nothing more; what is in flight is finished and kept."""
        self.is_stopped = True
        for one in self._opened:
            one.stop()

    def pause(self, is_wished: bool) -> None:
        """Send nothing more for now, or go on."""
        for one in self._opened:
            if is_wished != one.is_paused:
                (one.pause if is_wished else one.resume)()

    @asynccontextmanager
    async def open(self, spec: str, budget: Budget) -> AsyncIterator[Model]:
        """Open the model that `spec` names, for as long as the context lasts; a local one holds its engine.

        Raises:
            UnknownModel, BadRequest, ModelNotFound, ModelRefused: as `Models.chat_model`
            EngineFailed: a local model cannot be started
        """
        async with AsyncExitStack() as held:
            found = self._models.chat_model(spec, self._order.device)
            asker: Work | ChatAsker
            if isinstance(found, LocalModel):
                engines, base = self._models.engines, ModelSpec.parse(found.spec).base
                endpoint = await held.enter_async_context(engines.lease(base, self._order.device, self._say))
                asker = await self._work(held, found.spec, Address(endpoint.url, endpoint.token, "engine"), budget)
            elif spec.startswith("openai:"):
                model, base_url = parse_openai_spec(spec)
                asker = await self._work(held, model, Address(base_url, api_key_for(base_url, self._keys)), budget)
            else:
                asker = ChatAsker(EchoModel(words_per_second=0) if isinstance(found, EchoModel) else found)
            self._opened.add(asker)
            if self.is_stopped:
                asker.stop()
            try:
                yield asker
            finally:
                self._opened.discard(asker)
                if not isinstance(asker.halt, TeacherGone):  # which ends the work of that one model, not the job's
                    self.halt = self.halt or asker.halt

    async def _work(self, held: AsyncExitStack, model: str, address: Address, budget: Budget) -> Work:
        limits = Limits(
            concurrency=self._order.concurrency,
            timeout_seconds=self._order.timeout_seconds,
            give_up_seconds=self._order.timeout_seconds,
        )
        teacher = await held.enter_async_context(Teacher(model, [address], limits))
        return await held.enter_async_context(Work(teacher, self._ledger, budget))


def check_specs(order: BenchJob, models: Models) -> None:
    """Refuse a spec that names no model, before a folder is made for the job."""
    for spec in (*order.model, *filter(None, [order.judge])):
        models.chat_model(spec, order.device)
    if order.reward is not None:
        RewardModel.named(Jobs(models.home), order.reward)
