from __future__ import annotations

import pytest
from pydantic import ValidationError

from data_gen.openai_spec import parse_openai_spec
from janus_space.catalogue import ModelEntry, entries
from janus_space.devices import Gpu, Machine
from trainer.model_spec import ModelSpec

LAPTOP = Machine(ram_total_gib=16, ram_free_gib=9.4)
BIG_SERVER = Machine(ram_total_gib=128, ram_free_gib=100)
PAPERS = {
    "hf:kaist-ai/janus-7b",
    "hf:kaist-ai/janus-dpo-7b",
    "hf:kaist-ai/janus-orpo-7b",
    "hf:mistralai/Mistral-7B-Instruct-v0.2",
    "hf:meta-llama/Meta-Llama-3-8B-Instruct",
    "hf:google/gemma-7b-it",
    "openai:gpt-3.5-turbo-0125",
    "openai:gpt-4-0613",
    "openai:gpt-4-0125-preview",
}


def with_gpu(free_gib: float) -> Machine:
    return Machine(16, 9.4, (Gpu(0, "NVIDIA L4", 24, 2), Gpu(1, "NVIDIA L4", 24, free_gib)))


def entry(spec: str) -> ModelEntry:
    return next(one for one in entries() if one.spec == spec)


def test_the_table_holds_the_papers_models_once_each_under_specs_that_parse() -> None:
    specs = [one.spec for one in entries()]
    assert len(set(specs)) == len(specs) == len({one.name for one in entries()})
    assert set(specs) >= PAPERS | {"embedded:smollm2", "embedded:janus-135m", "echo:"}
    for spec in set(specs) - {"echo:", "embedded:janus-135m"}:
        assert parse_openai_spec(spec) if spec.startswith("openai:") else str(ModelSpec.parse(spec)) == spec


def test_memory_agrees_with_the_number_of_parameters() -> None:
    for one in entries():
        if one.spec.startswith("hf:"):
            weights_gib = one.parameters_billion * 2e9 / 2**30
            assert weights_gib < one.memory_gib < weights_gib * 1.1 + 0.5, one.spec


def test_what_the_paper_says_of_each() -> None:
    folded = {one.spec for one in entries() if one.system_message == "folded into the user turn"}
    assert folded == {spec for spec in PAPERS if spec.startswith("hf:")} - {"hf:meta-llama/Meta-Llama-3-8B-Instruct"}
    gated = {one.spec for one in entries() if one.gated}
    assert gated == {"hf:meta-llama/Meta-Llama-3-8B-Instruct", "hf:google/gemma-7b-it"}


def test_what_is_small_runs_anywhere() -> None:
    for spec in ("embedded:smollm2", "echo:", "hf:HuggingFaceTB/SmolLM2-135M-Instruct"):
        assert entry(spec).obstacle(LAPTOP, has_key=False) is None


def test_a_model_that_does_not_fit_says_why_and_the_way_out() -> None:
    janus = entry("hf:kaist-ai/janus-7b")
    reason, way_out = janus.obstacle(LAPTOP, has_key=False)
    for words in ("14 GiB on a GPU", "28 GiB of memory without one", "9 GiB of memory free", "no GPU"):
        assert words in reason
    assert "openai:kaist-ai/janus-7b@http://HOST:8000/v1" in way_out
    assert "at most 6 GiB free on a GPU" in janus.obstacle(with_gpu(6.2), has_key=False).reason
    assert janus.obstacle(with_gpu(20), has_key=False) is None
    assert janus.obstacle(BIG_SERVER, has_key=False) is None


def test_a_remote_model_needs_a_key_and_nothing_else() -> None:
    gpt = entry("openai:gpt-4o")
    assert "OPENAI_API_KEY" in gpt.obstacle(LAPTOP, has_key=False).way_out
    assert gpt.obstacle(LAPTOP, has_key=True) is None


def test_a_wrong_row_is_refused() -> None:
    row = entry("echo:").model_dump()
    for wrong in ({"license": "MIT"}, {"system_message": "dropped"}, {"memory_gib": -1}):
        with pytest.raises(ValidationError):
            ModelEntry.model_validate(row | wrong)
