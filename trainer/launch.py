"""From a config to the command that runs it, one a machine; nothing is started here.

torchrun starts the processes on CPUs, where accelerate would start one only; accelerate does on GPUs, by a
configuration of ours, never the machine's own.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from trainer.config import TrainConfig
from trainer.errors import BadConfig

ACCELERATE_CONFIG = "accelerate.yaml"
_RESTARTS = 3  # of the whole group when one process dies: each goes on from the newest whole checkpoint


def is_spread(config: TrainConfig) -> bool:
    """Say whether a run needs more processes than the one that was asked to do it."""
    return config.num_processes > 1


def worker_command(config: TrainConfig, job: Path, models_dir: Path) -> list[str]:
    """Return the argv that does a settled config's work in the job's folder, on one of its machines.

    Raises:
        BadConfig: such a run is not possible on this kind of device
    """
    refuse_sharding_on_cpu(config)
    worker = ["-m", "trainer.worker", str(job), "--models", str(models_dir)]
    if not is_spread(config):
        return [sys.executable, *worker]
    if config.device == "cpu":
        return [sys.executable, "-m", "torch.distributed.run", *_torchrun(config, job), *worker]
    return [
        sys.executable,
        "-m",
        "accelerate.commands.launch",
        *("--config_file", str(job / f"{config.machine_rank}-{ACCELERATE_CONFIG}")),
        *("--machine_rank", str(config.machine_rank)),
        *worker,
    ]


def refuse_sharding_on_cpu(config: TrainConfig) -> None:
    """Raise where a strategy would be ignored in silence.

    Raises:
        BadConfig: FSDP or DeepSpeed on a CPU
    """
    if config.device == "cpu" and config.strategy != "ddp":
        raise BadConfig(
            f"strategy: {config.strategy} shares weights among GPUs and is ignored in silence on a CPU;"
            " write strategy: ddp, or run where there are GPUs."
        )


def machine_commands(config: TrainConfig, arguments: Sequence[str]) -> list[list[str]]:
    """Return what a person types on each machine: the same command, with the machine's number."""
    return [
        ["python", "-m", "trainer", "train", *arguments, "--machine-rank", str(rank)]
        for rank in range(config.num_machines)
    ]


def accelerate_config(config: TrainConfig, layer_class: str | None = None) -> str:
    """Return accelerate's configuration as YAML; every key that it would otherwise fill by itself is written."""
    kinds = {"ddp": "MULTI_GPU", "fsdp": "FSDP", "deepspeed": "DEEPSPEED"}
    told: dict[str, Any] = {
        "compute_environment": "LOCAL_MACHINE",
        "distributed_type": kinds[config.strategy] if is_spread(config) else "NO",
        "num_machines": config.num_machines,
        "num_processes": config.num_processes,
        "machine_rank": config.machine_rank,
        "main_process_ip": config.main_process_ip,
        "main_process_port": config.main_process_port,
        "main_training_function": "main",
        "rdzv_backend": "static",
        "same_network": True,
        "mixed_precision": "bf16" if config.bf16 else "no",
        "use_cpu": False,
        "debug": False,
        "downcast_bf16": "no",
    }
    if config.strategy == "fsdp":
        told["fsdp_config"] = _fsdp(config, layer_class)
    if config.strategy == "deepspeed":
        told["deepspeed_config"] = {
            "zero_stage": 3,
            "zero3_init_flag": False,
            "zero3_save_16bit_model": True,
            "offload_optimizer_device": "none",
            "offload_param_device": "none",
            "gradient_accumulation_steps": config.gradient_accumulation_steps,
            "deepspeed_multinode_launcher": "standard",
        }
    return str(yaml.safe_dump(told, sort_keys=True))


def _fsdp(config: TrainConfig, layer_class: str | None) -> dict[str, Any]:
    told: dict[str, Any] = {
        "fsdp_version": 2,
        "fsdp_auto_wrap_policy": "TRANSFORMER_BASED_WRAP",
        "fsdp_reshard_after_forward": True,
        "fsdp_state_dict_type": "FULL_STATE_DICT",
        "fsdp_offload_params": False,
        "fsdp_cpu_ram_efficient_loading": False,
        "fsdp_activation_checkpointing": bool(config.activation_checkpointing),
    }
    if layer_class is not None:
        told["fsdp_transformer_layer_cls_to_wrap"] = layer_class
    return told


def _torchrun(config: TrainConfig, job: Path) -> list[str]:
    # A c10d rendezvous takes a machine that starts late, or again; the others wait an hour for it.
    return [
        *("--nnodes", str(config.num_machines)),
        *("--nproc_per_node", str(config.num_processes // config.num_machines)),
        *("--rdzv_backend", "c10d"),
        *("--rdzv_endpoint", f"{config.main_process_ip}:{config.main_process_port}"),
        *("--rdzv_id", job.name),
        *("--rdzv_conf", "join_timeout=3600"),
        *("--max_restarts", str(_RESTARTS)),
    ]
