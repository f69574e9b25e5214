from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest
import yaml
from accelerate.commands.config.config_args import load_config_from_file
from accelerate.commands.launch import launch_command_parser

from trainer.__main__ import run_train
from trainer.config import TrainConfig
from trainer.errors import BadConfig
from trainer.launch import accelerate_config, machine_commands, worker_command

MODELS = Path("models")


def config(**options: Any) -> TrainConfig:
    given = {"method": "sft", "model": "path:models/tiny", "dataset": "rows.jsonl", "device": "cuda", "bf16": True}
    return TrainConfig.read(given | options)


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def test_one_process_is_run_directly(tmp_path: Path) -> None:
    argv = worker_command(config(), tmp_path, MODELS)
    assert argv[1:] == ["-m", "trainer.worker", str(tmp_path), "--models", "models"]


def test_several_on_a_cpu_are_started_by_torchrun(tmp_path: Path) -> None:
    argv = worker_command(config(device="cpu", bf16=False, num_processes=4, num_machines=2), tmp_path, MODELS)
    assert argv[1:3] == ["-m", "torch.distributed.run"]
    told = dict(zip(argv[3::2], argv[4::2], strict=False))
    assert (told["--nnodes"], told["--nproc_per_node"], told["--rdzv_backend"]) == ("2", "2", "c10d")
    assert "join_timeout=3600" in told["--rdzv_conf"]


@pytest.mark.parametrize("strategy", ["fsdp", "deepspeed"])
def test_sharding_on_a_cpu_is_refused_with_a_sentence(tmp_path: Path, strategy: str) -> None:
    with pytest.raises(BadConfig, match=f"{strategy} shares weights among GPUs and is ignored in silence on a CPU"):
        worker_command(config(device="cpu", bf16=False, num_processes=2, strategy=strategy), tmp_path, MODELS)


@pytest.mark.parametrize(("strategy", "kind"), [("ddp", "MULTI_GPU"), ("fsdp", "FSDP"), ("deepspeed", "DEEPSPEED")])
def test_accelerate_reads_what_is_written_for_gpus(tmp_path: Path, strategy: str, kind: str) -> None:
    """Held against accelerate's own reader and parser: it refuses keys that it does not know."""
    asked = config(num_processes=8, num_machines=2, machine_rank=1, strategy=strategy, main_process_ip="10.0.0.5")
    file = tmp_path / "1-accelerate.yaml"
    file.write_text(accelerate_config(asked))
    read = load_config_from_file(str(file))
    assert (str(read.distributed_type).rpartition(".")[2], read.num_processes, read.num_machines) == (kind, 8, 2)
    argv = worker_command(asked, tmp_path, MODELS)
    assert argv[1:3] == ["-m", "accelerate.commands.launch"]
    parsed = launch_command_parser().parse_args(argv[3:])
    assert (parsed.config_file, parsed.machine_rank, parsed.module) == (str(file), 1, True)
    assert parsed.training_script == "trainer.worker"
    if strategy == "fsdp":
        assert yaml.safe_load(file.read_text())["fsdp_config"]["fsdp_version"] == 2


def test_each_machine_gets_its_own_command() -> None:
    commands = machine_commands(config(num_processes=4, num_machines=2), ["config.yaml", "--out", "job"])
    assert [one[-4:] for one in commands] == [["--out", "job", "--machine-rank", rank] for rank in ("0", "1")]


@pytest.fixture
def shared(tiny: dict[str, Path], collection: Path) -> dict[str, Any]:
    """What a run of two processes on this machine is asked, but for its length."""
    return {
        "method": "sft",
        "model": f"path:{tiny['llama']}",
        "dataset": str(collection),
        "device": "cpu",
        "num_processes": 2,
    }


def written(file: Path, values: dict[str, Any]) -> Path:
    """Write a config for a run whose processes meet at a free port."""
    told = values | {"main_process_port": free_port()}
    file.write_text("".join(f"{name}: {json.dumps(value)}\n" for name, value in told.items()))
    return file


def run(config_file: Path, out: Path, *arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "trainer", "train", str(config_file), "--out", str(out), *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True)


def is_open(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def losses(out: Path) -> list[tuple[int, float]]:
    events = [json.loads(line) for line in (out / "events.jsonl").read_text().splitlines()]
    return [(event["step"], event["loss"]) for event in events if event["event"] == "step"]


@pytest.mark.proof
@pytest.mark.timeout(400)
def test_two_machines_lose_what_one_loses(shared: dict[str, Any], tmp_path: Path) -> None:
    """Two agents of torchrun on loopback with gloo, against one machine with two processes, and against one process."""
    values = shared | {"max_steps": 4, "learning_rate": 0.001, "save_steps": 2, "per_device_train_batch_size": 2}
    values |= {"train_sampling_strategy": "sequential", "held_out_instructions": 2, "roundtrip_prompts": 3}
    shapes: dict[str, dict[str, Any]] = {"one": {}, "two": {"num_machines": 2}}
    for name, shape in shapes.items():
        config_file = written(tmp_path / f"{name}.yaml", values | shape)
        ranks = [["--machine-rank", "1"], []] if name == "two" else [[]]
        started = [run(config_file, tmp_path / name, *rank) for rank in ranks]
        for process in started:
            _, said = process.communicate(timeout=150)
            assert process.returncode == 0, said[-3000:]
    assert losses(tmp_path / "two") == losses(tmp_path / "one")
    alone = values | {"num_processes": 1, "per_device_train_batch_size": 4}
    run_train(TrainConfig.read(alone), tmp_path / "alone")
    for (_, together), (_, alone) in zip(losses(tmp_path / "one"), losses(tmp_path / "alone"), strict=True):
        assert together == pytest.approx(alone, rel=1e-4)
    assert (tmp_path / "two" / "adapter" / "adapter_model.safetensors").exists()
    assert json.loads((tmp_path / "two" / "exit.json").read_text())["state"] == "done"


@pytest.mark.proof
@pytest.mark.timeout(900)
def test_a_machine_that_is_killed_and_started_again_is_met_again(shared: dict[str, Any], tmp_path: Path) -> None:
    """The other machine waits for it at the rendezvous; both go on from the newest checkpoint, to the same losses."""
    values = shared | {"max_steps": 16, "learning_rate": 0.001, "save_steps": 2, "steerability_steps": 0}
    one = run(written(tmp_path / "one.yaml", values), tmp_path / "one")
    _, said = one.communicate(timeout=300)
    assert one.returncode == 0, said[-3000:]
    config_file = written(tmp_path / "two.yaml", values | {"num_machines": 2})
    out = tmp_path / "two"
    first, deadline = run(config_file, out), time.monotonic() + 200
    while not is_open(yaml.safe_load(config_file.read_text())["main_process_port"]):  # else the second may be the host
        assert time.monotonic() < deadline
        time.sleep(0.1)
    second = run(config_file, out, "--machine-rank", "1")
    while not (out / "events.jsonl").exists() or len(losses(out)) < 5:
        assert time.monotonic() < deadline
        assert first.poll() is None
        time.sleep(0.1)
    family = [psutil.Process(second.pid), *psutil.Process(second.pid).children(recursive=True)]
    for process in family:
        process.kill()
    second.communicate(timeout=60)
    assert losses(out)[-1][0] < 16
    again = run(config_file, out, "--machine-rank", "1")
    for process in (again, first):
        _, said = process.communicate(timeout=300)
        assert process.returncode == 0, said[-3000:]
    assert losses(out) == losses(tmp_path / "one")
    assert json.loads((out / "exit.json").read_text())["state"] == "done"


@pytest.mark.proof
@pytest.mark.timeout(300)
def test_nobody_goes_on_when_the_launcher_is_killed(shared: dict[str, Any], tmp_path: Path) -> None:
    endless = shared | {"max_steps": 100_000, "save_steps": 50_000, "steerability_steps": 0}
    launcher = run(written(tmp_path / "run.yaml", endless), tmp_path / "job")
    deadline = time.monotonic() + 120
    events = tmp_path / "job" / "events.jsonl"
    while not (events.exists() and '"event": "step"' in events.read_text()):
        assert time.monotonic() < deadline
        assert launcher.poll() is None
        time.sleep(0.2)
    family = psutil.Process(launcher.pid).children(recursive=True)
    assert len(family) >= 3  # torchrun and its two
    launcher.kill()
    launcher.communicate(timeout=60)
    _, alive = psutil.wait_procs(family, timeout=90)
    assert not alive
