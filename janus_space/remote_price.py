"""What a rented machine costs: the Hub's own list of machines and prices, and how long a run may take on one.

The time is calculated, not measured, and said to be; what is paid for is bounded by the time after which the machine is
ended in any case.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

from janus_space.errors import JobRefused
from janus_space.training import look
from trainer.config import PAIRED, TrainConfig
from trainer.model_spec import ModelSpec

if TYPE_CHECKING:
    from huggingface_hub import HfApi, JobHardwareInfo

# Dense peak in bfloat16, TFLOP/s, as TRL's table has them; a T4 has no bfloat16 and works in fp32.
_PEAK_TFLOPS = {"T4": 8.1, "L4": 121, "A10G": 125, "A100": 312, "L40S": 362, "H200": 989, "RTX PRO 6000": 500}
_SHARE_OF_PEAK = 0.2  # that a run may be counted on to use
_VCPU_TFLOPS = 0.015  # half of what one core has been measured to do
_SETTING_UP_HOURS = 0.25  # libraries and weights are fetched anew on every machine
_LEAST_HOURS = 0.5
_MARGIN = 2.0
_CHARACTERS_A_TOKEN = 3.0  # fewer than English has: rather too long than too short
_EMBEDDED_PARAMETERS = 135e6
_HOURS_OF = {"second": 1 / 3600, "minute": 1 / 60, "hour": 1.0}


class HubSilent(JobRefused):
    """The Hub does not answer now; a while later it may."""


class HubUnknown(JobRefused):
    """The Hub knows nothing by that name, or knows it no more."""


class Quote(NamedTuple):
    """What a run on a rented machine is expected to cost, and what it may cost at most."""

    flavor: str
    machine: str
    usd_an_hour: float
    expected_hours: float | None
    """None where only a person has said how long it may take."""
    most_hours: float

    @property
    def most_usd(self) -> float:
        return self.most_hours * self.usd_an_hour

    @property
    def sentence(self) -> str:
        """Say the price before anybody agrees to it."""
        expected = ""
        if self.expected_hours is not None:
            usd = self.expected_hours * self.usd_an_hour
            expected = f" Calculated, not measured, it takes {self.expected_hours:.2g} hours, {usd:.2f} USD."
        return (
            f"{self.flavor} ({self.machine}) costs {self.usd_an_hour:.2f} USD an hour.{expected} It is ended after"
            f" {self.most_hours:g} hours, so it costs {self.most_usd:.2f} USD at most; what is not finished then is"
            " saved, and can go on."
        )


def hub() -> HfApi:
    """Return the client of the Hub that the environment names."""
    from huggingface_hub import HfApi, get_token

    # Named, for the app tells the client to send no token of its own accord.
    return HfApi(endpoint=os.environ.get("HF_ENDPOINT") or None, token=get_token())


def machines(api: HfApi) -> list[JobHardwareInfo]:
    """List what the Hub rents out, the cheapest first.

    Raises:
        JobRefused: the Hub cannot be asked
    """
    with hub_in_words():
        return sorted(api.list_jobs_hardware(), key=_usd_an_hour)


def price_list(api: HfApi) -> list[tuple[str, str]]:
    """List what the Hub rents out, in words and by name, the cheapest first.

    Raises:
        JobRefused: the Hub cannot be asked
    """
    return [(f"{one.name}: {_machine(one)}, {_usd_an_hour(one):.2f} USD an hour", one.name) for one in machines(api)]


def quote(api: HfApi, config: TrainConfig, flavor: str, hours: float | None = None) -> Quote:
    """Say what a run costs on a machine of the Hub; `hours` is the longest a person wants to pay for.

    Raises:
        JobRefused: there is no such machine, it does not fit the run, or the time cannot be told
    """
    listed = machines(api)
    found = next((one for one in listed if one.name == flavor), None)
    if found is None:
        offered = ", ".join(f"{one.name} ({_usd_an_hour(one):.2f} USD an hour)" for one in listed)
        raise JobRefused(f"The Hub rents out no machine {flavor!r}; it has {offered}.")
    _refuse_misfit(config, found)
    if hours is not None:
        return Quote(flavor, _machine(found), _usd_an_hour(found), None, hours)
    expected = round(_hours(api, config, found), 2)
    most = max(_LEAST_HOURS, math.ceil(_MARGIN * expected * 4) / 4)  # in whole quarters
    return Quote(flavor, _machine(found), _usd_an_hour(found), expected, most)


@contextmanager
def hub_in_words() -> Iterator[None]:
    """Turn the client's exceptions into one sentence.

    Raises:
        HubSilent: it does not answer
        HubUnknown: there is no such thing
        JobRefused: the Hub said no for another reason
    """
    import httpx2
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalTokenNotFoundError, OfflineModeIsEnabled

    login = "set HF_TOKEN to a token that may write and start jobs"
    try:
        yield
    except LocalTokenNotFoundError as error:
        raise JobRefused(f"The Hub wants to know who pays: {login}.") from error
    except HFValidationError as error:
        raise JobRefused(f"The Hub's client refuses a name ({str(error)[:200]}).") from error
    except OfflineModeIsEnabled as error:
        raise JobRefused("HF_HUB_OFFLINE forbids to ask the Hub: unset that variable.") from error
    except HfHubHTTPError as error:
        status = error.response.status_code
        says = str(error.server_message or "")[:200]
        told = f"The Hub answered {status}{f' ({says})' if says else ''}"
        if status >= 500 or status == 429:
            raise HubSilent(f"{told}: try again later.") from error
        if status == 404:
            raise HubUnknown(f"{told}: check the names in the config.") from error
        if status == 402:
            raise JobRefused(f"{told}: the account has no credit for a rented machine; add some on the Hub.") from error
        raise JobRefused(f"{told}: {login if status in (401, 403) else 'it will not do as asked'}.") from error
    except (httpx2.HTTPError, ConnectionError) as error:
        raise HubSilent(f"The Hub does not answer ({type(error).__name__}): connect to it, and try again.") from error


def _refuse_misfit(config: TrainConfig, machine: JobHardwareInfo) -> None:
    gpus = int(machine.accelerator.quantity) if machine.accelerator else 0
    if config.strategy == "deepspeed":
        raise JobRefused("strategy: deepspeed is built on the machine, which rented ones cannot: write strategy: fsdp.")
    if config.num_machines > 1:
        raise JobRefused("num_machines: a run on rented machines has one; take a larger one, and leave the option out.")
    if gpus and config.device == "cpu":
        raise JobRefused(f"device: cpu would leave the GPU of {machine.name} idle at your expense: leave it out.")
    if not gpus and (config.device or "cpu") != "cpu":
        raise JobRefused(f"device: {machine.name} has no GPU; leave the option out, or rent a machine with one.")
    if gpus and config.num_processes > gpus:
        raise JobRefused(f"num_processes: {machine.name} has {gpus} GPUs, and {config.num_processes} are wanted.")


def _hours(api: HfApi, config: TrainConfig, machine: JobHardwareInfo) -> float:
    """Calculate how long a run takes: its tokens, the model's arithmetic for each, and what the machine can do."""
    tokens, parameters, tflops = _tokens(config), _parameters(api, config), _tflops(config, machine)
    if None in (tokens, parameters, tflops):
        unknown = "how many rows there are" if tokens is None else "the model's size"
        unknown = unknown if tflops is not None else f"how fast {machine.name} is"
        raise JobRefused(f"How long it takes cannot be told before it runs ({unknown}): say it with --hours.")
    seconds = (tokens or 0.0) * 6 * (parameters or 0.0) / ((tflops or 1.0) * 1e12)
    return _SETTING_UP_HOURS + seconds / 3600


def _tokens(config: TrainConfig) -> float | None:
    """Count the tokens of a run, rather too many than too few; None where its rows are not on this machine."""
    sides = 2 if config.method in PAIRED else 1
    if config.max_steps is not None:
        batch = config.per_device_train_batch_size or (4 if sides == 1 else 2)
        rows = config.max_steps * batch * config.gradient_accumulation_steps * config.num_processes
        return float(rows * config.max_length * sides)
    found = look(config)
    if found is None:
        return None
    tokens = 0.0
    for row in found.rows:
        asked = sum(len(message["content"]) for message in row.messages)
        for answer in row.answers:
            tokens += min(config.max_length, (asked + len(answer)) / _CHARACTERS_A_TOKEN + 16)
    return tokens * config.num_train_epochs


def _parameters(api: HfApi, config: TrainConfig) -> float | None:
    spec = ModelSpec.parse(config.model)
    if spec.kind == "embedded":
        return _EMBEDDED_PARAMETERS
    with hub_in_words():
        told = api.model_info(spec.name, revision=spec.revision, expand=["safetensors"]).safetensors
    return float(told.total) if told is not None else None


def _tflops(config: TrainConfig, machine: JobHardwareInfo) -> float | None:
    if machine.accelerator is None:
        vcpus = "".join(filter(str.isdigit, machine.cpu.split()[0]))
        return int(vcpus) * _VCPU_TFLOPS if vcpus else None
    names = (name for name in _PEAK_TFLOPS if name in machine.accelerator.model)
    longest = max(names, key=len, default=None)  # L40S is no L4
    return None if longest is None else _PEAK_TFLOPS[longest] * _SHARE_OF_PEAK * config.num_processes


def _usd_an_hour(machine: JobHardwareInfo) -> float:
    return machine.unit_cost_usd / _HOURS_OF.get(machine.unit_label, 1 / 60)


def _machine(found: JobHardwareInfo) -> str:
    if found.accelerator is None:
        return f"{found.cpu}, {found.ram}"
    return f"{found.accelerator.quantity} × {found.accelerator.model}, {found.accelerator.vram}"
