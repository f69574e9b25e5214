"""A model's card, made from what was recorded: how to steer it, what was measured, how it was made, and its limits."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from string import Template
from typing import Any

from huggingface_hub import EvalResult, ModelCardData

from janus_space.curves import Chart, Line, picture, points
from janus_space.publish.allowed import CURVES
from janus_space.publish.benchmarks import Benchmark
from janus_space.publish.examples import Example, Reading
from janus_space.publish.licence import Decision
from janus_space.publish.snippet import Trial
from janus_space.publish.sources import ModelSource

_CARDS = Path(__file__).parent / "cards"
_MOST_CURVE_ROWS = 8
_BLANK_LINES = r"\n{3,}"
_ROLES = {
    "native": "Its chat template has a turn of its own for it.",
    "folded": "Its chat template has no turn for it: write it before the question in the user's turn, as below.",
}
_METHODS = {
    "sft": "supervised fine-tuning",
    "dpo": "direct preference optimisation (DPO)",
    "orpo": "odds ratio preference optimisation (ORPO)",
    "reward": "reward modelling",
}


@dataclass(frozen=True)
class ModelFacts:
    """What a card tells."""

    source: ModelSource
    repo_id: str
    is_merged: bool
    decision: Decision
    data_name: str
    data_id: str | None
    """The dataset's name on the Hub, if it is there."""
    data_licence: str | None
    base_licence: str | None
    request_yaml: str
    code: str
    trial: Trial
    reading: Reading
    examples: Sequence[Example] = ()
    steer_rows: Sequence[dict[str, Any]] = field(default_factory=tuple)
    """Rows of `steer`, the base first, where it was measured."""
    benchmarks: Sequence[Benchmark] = ()


def model_card(facts: ModelFacts) -> str:
    """Write the card, its front matter with the figures that the Hub shows included."""
    text = Template((_CARDS / "model.md").read_text("utf-8")).substitute(
        title=facts.repo_id.split("/")[1],
        summary=_summary(facts),
        role=_ROLES.get(facts.reading.system_role, ""),
        message=_quoted(facts.examples[0].system if facts.examples else ""),
        rendered=fenced(facts.reading.rendered),
        examples=_examples(facts.examples),
        snippet=fenced(facts.code, "python"),
        printed=_printed(facts.trial),
        measured=_measured(facts),
        made=_made(facts),
        request=fenced(facts.request_yaml, "yaml"),
        limits="\n".join(f"- {limit}" for limit in _limits(facts)),
    )
    return f"---\n{_metadata(facts).to_yaml()}\n---\n\n{re.sub(_BLANK_LINES, chr(10) * 2, text)}"


def _metadata(facts: ModelFacts) -> ModelCardData:
    is_reward = facts.source.config.method == "reward"
    is_adapter = facts.source.is_adapter and not facts.is_merged
    results = list(_results(facts))
    return ModelCardData(
        license=facts.decision.licence,
        base_model=facts.source.base_id,
        base_model_relation="adapter" if is_adapter else "finetune",
        library_name="peft" if is_adapter else "transformers",
        pipeline_tag="text-classification" if is_reward else "text-generation",
        tags=["janus-space", "system-messages", "personalization", facts.source.config.method],
        datasets=[facts.data_id] if facts.data_id else None,
        model_name=facts.repo_id.split("/")[1] if results else None,
        eval_results=results or None,
        ignore_metadata_errors=True,
    )


def _results(facts: ModelFacts) -> Iterable[EvalResult]:
    margin = _last_margin(facts)
    if margin is not None:
        yield EvalResult(
            task_type="text-generation",
            task_name="Following a system message",
            dataset_type=facts.data_id or facts.data_name,
            dataset_name=facts.data_name,
            metric_type="steerability_margin",
            metric_name="Steerability margin (nats a token)",
            metric_value=round(margin, 5),
        )
    for benchmark in facts.benchmarks:
        for name, one in benchmark.figures.items():
            if one.interval is not None:  # the others are counts
                yield EvalResult(
                    task_type="text-generation",
                    dataset_type=benchmark.name,
                    dataset_name=benchmark.name,
                    metric_type=name,
                    metric_value=one.value,
                )


def _summary(facts: ModelFacts) -> str:
    config, source = facts.source.config, facts.source
    base = (
        f"[{source.base_id}](https://huggingface.co/{source.base_id})" if source.base_id else "a model of its author's"
    )
    what = "An adapter (LoRA) for" if source.is_adapter and not facts.is_merged else "A fine-tuned version of"
    pinned = f" at revision `{source.base_revision}`" if source.base_revision else ""
    return f"{what} {base}{pinned}, trained by {_METHODS[config.method]} on {facts.data_name} with Janus Space."


def _examples(examples: Sequence[Example]) -> str:
    judged = sorted((one for one in examples if one.margin is not None), key=lambda one: -(one.margin or 0.0))
    if len(judged) < 2:
        return _plain_examples(examples)
    good, bad = judged[0], judged[-1]
    told = (
        "Answers of its own to one question, the likeliest word each time. The margin says how much better (nats a"
        " token) the model explains an answer by the message it was given than by the others; at 0 it ignored it.\n"
    )
    return (
        f"{told}\n**Its message shows best** (margin {good.margin:+.3f})\n\n{_shown(good)}\n"
        f"**Its message shows least** (margin {bad.margin:+.3f})\n\n{_shown(bad)}\n"
    )


def _plain_examples(examples: Sequence[Example]) -> str:
    if not examples or not examples[0].answer:
        return ""
    return f"An answer of its own, the likeliest word each time:\n\n{_shown(examples[0])}\n"


def _shown(example: Example) -> str:
    return (
        f"System message:\n\n{_quoted(example.system)}\n\nQuestion:\n\n{_quoted(example.prompt)}\n\n"
        f"Answer:\n\n{fenced(example.answer)}\n"
    )


def _printed(trial: Trial) -> str:
    if trial.error is not None:
        return f"It did **not** run to its end here: {trial.error}\n"
    return f"It printed:\n\n{fenced(trial.printed)}\n"


def _last_margin(facts: ModelFacts) -> float | None:
    if facts.steer_rows and facts.steer_rows[-1].get("margin") is not None:
        return float(facts.steer_rows[-1]["margin"])
    curve = facts.source.events("steerability")
    return float(curve[-1]["margin"][0]) if curve else None


def _measured(facts: ModelFacts) -> str:
    parts = [
        _steer_table(facts.steer_rows),
        *map(_benchmark, facts.benchmarks),
        _curve(facts.source),
        _roundtrip(facts.source),
        _reward(facts.source),
    ]
    return "\n\n".join(part for part in parts if part) or "Nothing was measured."


def _steer_table(rows: Sequence[dict[str, Any]]) -> str:
    if not rows:
        return ""
    told = (
        "Steerability: every answer is scored under every message of its instruction. *Margin*: how much likelier an"
        " answer is under its own message (nats a token, 95% interval). *Attribution*: share of answers that their own"
        " message explains best. *Selection*: share of messages that find their own answer. *Shuffled*: the same margin"
        " with messages at random, as a control.\n"
    )
    lines = [
        f"| {name} | {row['n']} | {row['margin']:.3f} ({row['margin_ci'][0]:.3f} to {row['margin_ci'][1]:.3f})"
        f" | {row['attribution_accuracy']:.2f} | {row['selection_accuracy']:.2f} | {row['shuffled_margin']:.3f} |"
        for name, row in zip(("base", "this model"), rows, strict=False)
        if row.get("margin") is not None
    ]
    return told + _table(("", "answers", "margin", "attribution", "selection", "shuffled"), lines)


def _benchmark(benchmark: Benchmark) -> str:
    judged = f", judged by {benchmark.judge}" if benchmark.judge else ""
    lines = [
        f"| {name} | {one.value:g}" + (f" ({one.interval[0]:g} to {one.interval[1]:g})" if one.interval else "") + " |"
        for name, one in benchmark.figures.items()
    ]
    return f"Benchmark {benchmark.name}{judged} (95% intervals):\n\n" + _table(("", ""), lines)


def _curve(source: ModelSource) -> str:
    losses = source.events("step")
    if not losses:
        return ""
    margins = {event["step"]: event for event in source.events("steerability")}
    shown = {round(place * (len(losses) - 1) / (_MOST_CURVE_ROWS - 1)) for place in range(_MOST_CURVE_ROWS)}
    lines = []
    if 0 in margins:
        lines.append(f"| 0 | – | {margins[0]['margin'][0]:.3f} |")
    for number, event in enumerate(losses):
        at = margins.get(event["step"])
        if number in shown or at:
            margin = f"{at['margin'][0]:.3f}" if at else ""
            lines.append(f"| {event['step']} | {event['loss']:.4f} | {margin} |")
    last = next(reversed(margins.values()), None)
    where = "" if last is None or last.get("is_held_out") else " The margin was measured on rows that were trained on."
    drawn = f"![Loss and steerability over the steps]({CURVES})\n\n"
    return f"The run, step by step.{where}\n\n{drawn}" + _table(("step", "loss", "steerability margin"), lines)


def curves_of(source: ModelSource) -> str:
    """Draw the run's loss and steerability as an SVG file; nothing where it told of no step."""
    steps, measured = source.events("step"), source.events("steerability")
    charts = [
        Chart("Loss", [Line("loss", "loss", list(points(steps, "loss")))]),
        Chart(
            "Steerability margin (nats a token)",
            [
                Line("right message over the others", "margin", list(points(measured, "margin"))),
                Line("shuffled messages", "control", list(points(measured, "shuffled"))),
            ],
        ),
    ]
    return picture(charts, int(steps[-1]["step"]) if steps else 0)


def _roundtrip(source: ModelSource) -> str:
    told = source.roundtrip
    if told is None:
        return ""
    worst = max(told.get("loaded_difference", 0.0), told.get("merged_difference", 0.0))
    verdict = "the same" if told.get("is_same") else "**not the same**"
    return (
        f"Round trip: {told.get('prompts')} prompts through the model as it was trained and as it was saved give"
        f" {verdict} log-probabilities (largest difference {worst:.1e}, tolerance {told.get('tolerance')})."
    )


def _reward(source: ModelSource) -> str:
    checks = source.events("reward_check")
    if not checks:
        return ""
    last = checks[-1]
    flips = last.get("flip_accuracy")
    swapped = (
        f"; of answers that two messages rank the other way round, {flips:.0%} under both" if flips is not None else ""
    )
    return f"Of {last.get('pairs')} pairs, it ranks {last.get('accuracy') or 0:.0%} rightly{swapped}."


def _made(facts: ModelFacts) -> str:
    source, config = facts.source, facts.source.config
    data: dict[str, Any] = next(iter(reversed(source.events("data"))), {})
    steps = source.events("step")
    seconds = sum(float(step.get("seconds") or 0) for step in steps)
    rows = [
        ("data", f"{facts.data_name}, {data.get('rows', '?')} rows; licence: {facts.data_licence or 'unknown'}"),
        ("base", f"{source.base_id or 'not public'}; licence: {facts.base_licence or 'unknown'}"),
        ("method", f"{config.method}, {config.tuning}" + (f", rank {config.r}" if source.is_adapter else "")),
        ("steps", f"{len(steps)} in {seconds / 60:.1f} minutes on {config.device}"),
        ("learning rate", f"{config.learning_rate}, {config.lr_scheduler_type}"),
        ("batch", f"{config.per_device_train_batch_size} × {config.gradient_accumulation_steps}"),
        ("longest row", f"{config.max_length} tokens"),
        ("seed", str(config.seed)),
    ]
    return _table(("", ""), [f"| {name} | {value} |" for name, value in rows])


def _limits(facts: ModelFacts) -> Iterable[str]:
    source = facts.source
    if source.config.model.startswith("embedded:"):
        yield (
            "It was trained on the base's weights as a 4-bit file holds them. On the base's full weights, which the"
            " code above loads from the Hub, figures differ a little."
        )
    if not facts.steer_rows:
        yield "Its steerability was measured on few instructions, during training only."
    yield "Answers can be wrong or harmful, also where they follow the message. It was not tested for safety."
    yield "It follows messages like those it was trained on best; other languages and topics were not measured."
    yield from facts.decision.warnings


def fenced(text: str, language: str = "text") -> str:
    """Put text in a fence that nothing in it can close."""
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{text.rstrip(chr(10))}\n{fence}"


def _quoted(text: str) -> str:
    return "\n".join(f"> {line}" for line in text.splitlines()) or "> (none)"


def _table(head: Sequence[str], lines: Sequence[str]) -> str:
    return f"| {' | '.join(head)} |\n|{'---|' * len(head)}\n" + "\n".join(lines)
