"""Many LoRA adapters over one set of weights, each token with its own.

The low-rank matrices of all adapters in use are stacked side by side: one product with every `A`, a mask that leaves
each token only its own adapter's columns, one product with every `B`. A row without an adapter keeps none of them.
Adapters may differ in rank and in the layers that they touch.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple

import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional

from trainer.errors import ModelError, ModelRefused

MAX_STACKED = 8

# On a CPU, `weight @ x.T` with a handful of columns takes a path of MKL that is 2 to 7 times faster than `x @ weight.T`
# (measured, torch 2.13: ARCHITECTURE.md, "The engine's speed"); above these widths the ordinary product wins again.
_FEW_ROWS_TALL, _FEW_ROWS_WIDE = 12, 4


class LowRank(NamedTuple):
    """One layer's share of an adapter: `down` (rank, in) and `up` (out, rank), the scaling already in `up`."""

    down: Tensor
    up: Tensor


class Stacked(NamedTuple):
    """Several adapters on one layer; `owners` tells which one each of the stacked ranks belongs to."""

    down: Tensor
    up: Tensor
    owners: Tensor


class AdapterBank:
    """The adapters of one base. `choose` must be called before each forward pass."""

    def __init__(self) -> None:
        self._adapters: dict[str, dict[str, LowRank]] = {}
        self._layers: dict[str, RowsLinear] = {}
        self._stacked: list[str] = []
        self._token_owners: Tensor | None = None
        self._masks: dict[int, Tensor] = {}

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._adapters)

    def attach(self, model: nn.Module) -> None:
        """Put a `RowsLinear` in the place of every linear layer, sharing its weights."""
        head = model.get_output_embeddings()
        for path, module in list(model.named_modules()):
            for name, child in list(module.named_children()):
                if type(child) is nn.Linear:
                    full = f"{path}.{name}" if path else name
                    replacement = RowsLinear(child, self)
                    setattr(module, name, replacement)
                    # The head sees only the tokens to be continued, so the adapters of all tokens do not fit it.
                    if child is not head:
                        self._layers[full] = replacement

    def add(self, name: str, folder: Path) -> None:
        """Load an adapter folder written by peft.

        Raises:
            ModelRefused: it uses more of peft than plain LoRA.
            ModelError: it was trained for another base.
        """
        adapter = _read(folder)
        for path, share in adapter.items():
            layer = self._layers.get(path)
            if (
                layer is None
                or share.down.shape[1] != layer.weight.shape[1]
                or share.up.shape[0] != layer.weight.shape[0]
            ):
                raise ModelError(
                    f"The adapter {folder} does not fit this base model: there is no place for its layer {path}."
                )
        like = next(iter(self._layers.values())).weight
        self._adapters[name] = {
            path: LowRank(share.down.to(like.device, like.dtype), share.up.to(like.device, like.dtype))
            for path, share in adapter.items()
        }
        self._stacked = []  # what stands side by side may hold the old weights of that name

    def choose(self, owners: list[str | None]) -> None:
        """Say which adapter each token of the next forward pass belongs to; None is the base alone."""
        wanted = [name for name in dict.fromkeys(owners) if name is not None]
        if not wanted:
            self._token_owners = None
            return
        if not set(wanted) <= set(self._stacked):
            others = [name for name in self._stacked if name not in wanted]
            room = max(0, MAX_STACKED - len(wanted))
            self._stack([*others[len(others) - min(room, len(others)) :], *wanted])
        index = {name: position for position, name in enumerate(self._stacked)}
        device = next(iter(self._layers.values())).weight.device
        self._token_owners = torch.tensor([-1 if name is None else index[name] for name in owners], device=device)
        self._masks.clear()

    def mask(self, stacked: Stacked) -> Tensor | None:
        """Return (stacked ranks, tokens), 1 where the rank is the token's own; None if no token has an adapter."""
        if self._token_owners is None:
            return None
        name = id(stacked.owners)
        if name not in self._masks:
            self._masks[name] = (stacked.owners[:, None] == self._token_owners[None]).to(stacked.down.dtype)
        return self._masks[name]

    def _stack(self, names: list[str]) -> None:
        self._stacked = names
        patterns: dict[tuple[int, ...], Tensor] = {}
        for path, layer in self._layers.items():
            shares = [
                (index, self._adapters[name][path]) for index, name in enumerate(names) if path in self._adapters[name]
            ]
            if not shares:
                layer.stacked = None
                continue
            pattern = tuple(index for index, share in shares for _ in range(share.down.shape[0]))
            owners = patterns.setdefault(pattern, torch.tensor(pattern, device=layer.weight.device))
            down = torch.cat([share.down for _, share in shares])
            up = torch.cat([share.up for _, share in shares], dim=1)
            layer.stacked = Stacked(down.contiguous(), up.contiguous(), owners)


class RowsLinear(nn.Module):
    """A linear layer over flat tokens that adds each token's own adapter."""

    def __init__(self, linear: nn.Linear, bank: AdapterBank) -> None:
        super().__init__()
        self.weight = linear.weight
        self.bias = linear.bias
        self.stacked: Stacked | None = None
        self._bank = (bank,)  # in a tuple, so that torch does not take it for a submodule or parameter
        out, wide = linear.weight.shape
        on_cpu = linear.weight.device.type == "cpu"
        self._few = (_FEW_ROWS_TALL if out >= wide else _FEW_ROWS_WIDE) if on_cpu else 0

    def forward(self, tokens: Tensor) -> Tensor:
        flat = tokens.reshape(-1, tokens.shape[-1])
        mask = None if self.stacked is None else self._bank[0].mask(self.stacked)
        count = flat.shape[0]
        if count == 1 and self._few:
            # A product with a vector runs on one core; the same with two columns runs on all, and is faster.
            output = self._few_rows(torch.cat([flat, flat]), mask)[:1]
        else:
            output = self._few_rows(flat, mask) if count <= self._few else self._many_rows(flat, mask)
        return output.view(*tokens.shape[:-1], output.shape[-1])

    def _few_rows(self, flat: Tensor, mask: Tensor | None) -> Tensor:
        columns = flat.t()
        output = torch.mm(self.weight, columns)
        if self.bias is not None:
            output += self.bias[:, None]
        if mask is not None and self.stacked is not None:
            output.addmm_(self.stacked.up, torch.mm(self.stacked.down, columns).mul_(mask))
        return output.t().contiguous()

    def _many_rows(self, flat: Tensor, mask: Tensor | None) -> Tensor:
        output = functional.linear(flat, self.weight, self.bias)
        if mask is not None and self.stacked is not None:
            output.addmm_(functional.linear(flat, self.stacked.down).mul_(mask.t()), self.stacked.up.t())
        return output


def _read(folder: Path) -> dict[str, LowRank]:
    config = json.loads((folder / "adapter_config.json").read_text("utf-8"))
    odd = [
        name
        for name in ("use_dora", "modules_to_save", "fan_in_fan_out", "trainable_token_indices")
        if config.get(name)
    ]
    odd += ["bias"] if config.get("bias", "none") != "none" else []
    if config.get("peft_type") != "LORA" or odd:
        what = ", ".join(odd) or str(config.get("peft_type"))
        raise ModelRefused(
            f"The adapter {folder} uses {what}; the engine runs plain LoRA. Merge it into its base first."
        )
    tensors = load_file(folder / "adapter_model.safetensors")
    downs = {_path(name, "lora_A"): tensor for name, tensor in tensors.items() if ".lora_A." in name}
    ups = {_path(name, "lora_B"): tensor for name, tensor in tensors.items() if ".lora_B." in name}
    if not downs or downs.keys() != ups.keys() or len(downs) + len(ups) != len(tensors):
        raise ModelRefused(
            f"The adapter {folder} holds more or less than pairs of LoRA matrices; merge it into its base first."
        )
    return {path: LowRank(down, ups[path] * _scaling(config, path, down.shape[0])) for path, down in downs.items()}


def _path(name: str, part: str) -> str:
    return name.removeprefix("base_model.model.").split(f".{part}.")[0]


def _scaling(config: dict[str, object], path: str, rank: int) -> float:
    patterns = config.get("alpha_pattern") or {}
    alpha = config.get("lora_alpha", rank)
    if isinstance(patterns, dict):
        alpha = next((value for key, value in patterns.items() if path == key or path.endswith(f".{key}")), alpha)
    return float(alpha) / (rank**0.5 if config.get("use_rslora") else rank)  # type: ignore[arg-type]
