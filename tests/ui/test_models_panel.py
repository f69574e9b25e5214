"""The table of models, the choices of the dropdowns, and the strip of GPUs."""

from __future__ import annotations

from janus_space.catalogue import entries
from janus_space.devices import Gpu, Machine
from janus_space.ui.models_panel import NOT_HERE, device_choices, gpu_strip, model_choices, models_table

LAPTOP = Machine(ram_total_gib=8, ram_free_gib=4)
BIG_GPU = Gpu(index=1, name="A <b>big</b> one", memory_total_gib=80, memory_free_gib=70, busy_with=("train/a",))
SERVER = Machine(ram_total_gib=64, ram_free_gib=48, gpus=(BIG_GPU,))


def test_what_does_not_fit_is_marked_with_its_reason() -> None:
    labels = {spec: label for label, spec in model_choices(LAPTOP, lambda _: True)}
    assert f"{NOT_HERE}needs" in labels["hf:kaist-ai/janus-7b"]
    assert NOT_HERE not in labels["embedded:smollm2"]
    assert not any(NOT_HERE in label for label, _ in model_choices(SERVER, lambda _: True))


def test_a_remote_model_without_a_key_is_marked() -> None:
    labels = {spec: label for label, spec in model_choices(SERVER, lambda _: False)}
    assert f"{NOT_HERE}needs an API key" in labels["openai:gpt-4o"]


def test_the_table_has_every_model_with_reason_and_way_out() -> None:
    table = models_table(LAPTOP, lambda _: False)
    for entry in entries():
        assert entry.spec in table
        obstacle = entry.obstacle(LAPTOP, False)
        assert obstacle is None or (obstacle.reason in table and obstacle.way_out in table)
    assert table.count("class='greyed'") == sum(entry.obstacle(LAPTOP, False) is not None for entry in entries())


def test_gpus_are_named_escaped_with_what_keeps_them_busy() -> None:
    strip = gpu_strip(SERVER.gpus)
    assert "A &lt;b&gt;big&lt;/b&gt; one · 70 of 80 GiB free · busy with train/a" in strip
    assert "hf:org/base runs on a GPU lent for each comparison" in gpu_strip((), "hf:org/base")
    assert gpu_strip(()) == "<p class='gpus'>No GPU attached: models run on the CPU.</p>"


def test_every_gpu_can_be_chosen() -> None:
    assert [device for _, device in device_choices(SERVER.gpus)] == ["auto", "cpu", "cuda:1"]
