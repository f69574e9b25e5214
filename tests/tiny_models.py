"""Tiny models with random weights: real architectures, real tokenizers, real chat templates, saved in a second.

Each builder fills a folder as `save_pretrained` does and returns it. Equal seeds give equal weights. Heavy imports stay
inside.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

SENTENCES = [
    "You are a patient teacher who explains hard things to children in short words.",
    "Answer like a pirate: loudly, rudely, and never without a parrot.",
    "What is the capital of France? The capital of France is Paris.",
    "Why is the sky blue? Because air scatters blue light more than red light.",
    "Write a poem about the sea, and then explain it to a lawyer.",
    "0 1 2 3 4 5 6 7 8 9 are the ten digits, and (this) is [a] {list} of <signs>: + - * / = _ @ # % & ! ? ; ' \" .",
]

# mistralai/Mistral-7B-Instruct-v0.2: a system message raises.
MISTRAL_TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}"
    "{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}"
    "{{ raise_exception('Conversation roles must alternate user/assistant/user/assistant/...') }}{% endif %}"
    "{% if message['role'] == 'user' %}{{ '[INST] ' + message['content'] + ' [/INST]' }}"
    "{% elif message['role'] == 'assistant' %}{{ message['content'] + eos_token}}"
    "{% else %}{{ raise_exception('Only user and assistant roles are supported!') }}{% endif %}{% endfor %}"
)
# google/gemma-7b-it: a system message raises.
GEMMA_TEMPLATE = (
    "{{ bos_token }}{% if messages[0]['role'] == 'system' %}"
    "{{ raise_exception('System role not supported') }}{% endif %}"
    "{% for message in messages %}{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}"
    "{{ raise_exception('Conversation roles must alternate user/assistant/user/assistant/...') }}{% endif %}"
    "{% if (message['role'] == 'assistant') %}{% set role = 'model' %}"
    "{% else %}{% set role = message['role'] %}{% endif %}"
    "{{ '<start_of_turn>' + role + '\n' + message['content'] | trim + '<end_of_turn>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{'<start_of_turn>model\n'}}{% endif %}"
)
# HuggingFaceTB/SmolLM2-135M-Instruct: without a system message the template puts in its own.
SMOLLM2_TEMPLATE = (
    "{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}"
    "{{ '<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging Face<|im_end|>\n' }}"
    "{% endif %}"
    "{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)

_SHAPE: dict[str, Any] = {
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 2048,
    "initializer_range": 0.2,  # wide enough for the next token to depend on the prompt
}


def tiny_mistral(folder: Path, seed: int = 0) -> Path:
    """Save a Mistral whose template has no system role."""
    from transformers import MistralConfig

    tokenizer = _tokenizer(["<unk>", "<s>", "</s>"], MISTRAL_TEMPLATE, bos="<s>", eos="</s>", pad="</s>")
    return _save(folder, MistralConfig, tokenizer, seed, sliding_window=None, tie_word_embeddings=False)


def tiny_gemma(folder: Path, seed: int = 0) -> Path:
    """Save a Gemma whose template has no system role and names its turns differently."""
    from transformers import GemmaConfig

    special = ["<pad>", "<eos>", "<bos>", "<start_of_turn>", "<end_of_turn>"]
    tokenizer = _tokenizer(special, GEMMA_TEMPLATE, bos="<bos>", eos="<eos>", pad="<pad>")
    return _save(folder, GemmaConfig, tokenizer, seed, head_dim=16)


def tiny_llama(folder: Path, seed: int = 0) -> Path:
    """Save a Llama that takes system messages in ChatML, with SmolLM2's default one."""
    from transformers import LlamaConfig

    return _save(folder, LlamaConfig, _chatml_tokenizer(), seed, tie_word_embeddings=True)


def tiny_lora(base_folder: Path, folder: Path, seed: int, r: int = 4) -> Path:
    """Save a LoRA adapter over all linear layers, with both of its matrices random: it changes every answer."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    base = AutoModelForCausalLM.from_pretrained(base_folder, dtype=torch.float32)
    model = get_peft_model(base, LoraConfig(r=r, lora_alpha=2 * r, target_modules="all-linear", task_type="CAUSAL_LM"))
    torch_random = torch.Generator().manual_seed(seed)
    for name, weights in model.named_parameters():
        if "lora_" in name:
            weights.data = torch.randn(weights.shape, generator=torch_random) * 0.3
    model.save_pretrained(folder)
    return folder


def tiny_gguf(file: Path, seed: int = 0) -> Path:
    """Save a Llama as one GGUF file, as the embedded model is packaged."""
    import gguf
    import numpy as np

    tokenizer = _chatml_tokenizer()
    tokens = tokenizer.convert_ids_to_tokens(list(range(len(tokenizer))))
    special = set(tokenizer.all_special_tokens)
    writer = gguf.GGUFWriter(file, "llama")
    writer.add_name("Tiny")
    writer.add_context_length(_SHAPE["max_position_embeddings"])
    writer.add_embedding_length(_SHAPE["hidden_size"])
    writer.add_block_count(1)
    writer.add_feed_forward_length(_SHAPE["intermediate_size"])
    writer.add_head_count(_SHAPE["num_attention_heads"])
    writer.add_head_count_kv(_SHAPE["num_key_value_heads"])
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_freq_base(10000.0)
    writer.add_rope_dimension_count(16)
    writer.add_vocab_size(len(tokens))
    writer.add_tokenizer_model("gpt2")
    writer.add_token_list(tokens)
    writer.add_token_types([gguf.TokenType.CONTROL if token in special else gguf.TokenType.NORMAL for token in tokens])
    writer.add_token_merges([" ".join(pair) for pair in _merges(tokenizer)])
    writer.add_bos_token_id(tokenizer.bos_token_id)
    writer.add_eos_token_id(tokenizer.eos_token_id)
    writer.add_chat_template(SMOLLM2_TEMPLATE)
    numbers = np.random.default_rng(seed)
    hidden, inner, kv = 64, 128, 32
    shapes = {
        "token_embd.weight": (len(tokens), hidden),
        "output_norm.weight": (hidden,),
        "blk.0.attn_norm.weight": (hidden,),
        "blk.0.ffn_norm.weight": (hidden,),
        "blk.0.attn_q.weight": (hidden, hidden),
        "blk.0.attn_k.weight": (kv, hidden),
        "blk.0.attn_v.weight": (kv, hidden),
        "blk.0.attn_output.weight": (hidden, hidden),
        "blk.0.ffn_gate.weight": (inner, hidden),
        "blk.0.ffn_up.weight": (inner, hidden),
        "blk.0.ffn_down.weight": (hidden, inner),
    }
    for name, shape in shapes.items():
        writer.add_tensor(name, (numbers.standard_normal(shape) * 0.2).astype(np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return file


def _chatml_tokenizer() -> Any:
    special = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    return _tokenizer(special, SMOLLM2_TEMPLATE, bos="<|im_start|>", eos="<|im_end|>", pad="<|im_end|>", adds_bos=False)


def _tokenizer(special: list[str], template: str, bos: str, eos: str, pad: str, adds_bos: bool = True) -> Any:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
    from transformers import PreTrainedTokenizerFast

    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    trainer = trainers.BpeTrainer(
        vocab_size=600, special_tokens=special, initial_alphabet=alphabet, show_progress=False
    )
    bpe.train_from_iterator(SENTENCES, trainer)
    if adds_bos:  # as the real ones do: tokenising a rendered prompt carelessly gives two
        bpe.post_processor = processors.TemplateProcessing(
            single=f"{bos} $A", special_tokens=[(bos, bpe.token_to_id(bos))]
        )
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=bpe, bos_token=bos, eos_token=eos, pad_token=pad)
    tokenizer.chat_template = template
    return tokenizer


def _merges(tokenizer: Any) -> list[list[str]]:
    import json

    return json.loads(tokenizer.backend_tokenizer.to_str())["model"]["merges"]


def _save(folder: Path, config_class: Any, tokenizer: Any, seed: int, **config: Any) -> Path:
    import torch
    from transformers import AutoModelForCausalLM

    ids = {name: getattr(tokenizer, name) for name in ("bos_token_id", "eos_token_id", "pad_token_id")}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = AutoModelForCausalLM.from_config(
            config_class(vocab_size=len(tokenizer), **_SHAPE, **ids, **config), dtype=torch.float32
        )
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder
