"""What is done to the system messages of a dataset before training: the paper's ablations, dropout and a control."""

from __future__ import annotations

import random
from collections.abc import Sequence

from trainer.config import DataOptions
from trainer.data import TrainingRow

_ENOUGH_TO_HOLD_OUT = 40  # instructions; of fewer, all are trained on
_HELD_OUT = 8


def by_instruction(rows: Sequence[TrainingRow]) -> list[list[TrainingRow]]:
    """Put the rows of one instruction together, in order of appearance."""
    groups: dict[str, list[TrainingRow]] = {}
    for row in rows:
        groups.setdefault(row.instruction, []).append(row)
    return list(groups.values())


def hold_out(rows: Sequence[TrainingRow], wanted: int | None, seed: int) -> tuple[list[TrainingRow], list[TrainingRow]]:
    """Split rows by instruction into those to train on and those to measure on, which have two answers or more.

    Without a wish, eight instructions of a collection that has at least forty, and none of a smaller one.
    """
    groups = by_instruction(rows)
    many = [number for number, group in enumerate(groups) if len({row.system for row in group}) > 1]
    if wanted is None:
        wanted = _HELD_OUT if len(many) >= _ENOUGH_TO_HOLD_OUT else 0
    held = set(random.Random(seed).sample(many, min(wanted, len(many))))
    trained = [row for number, group in enumerate(groups) if number not in held for row in group]
    return trained, [row for number in sorted(held) for row in groups[number]]


def arranged(rows: Sequence[TrainingRow], options: DataOptions, seed: int) -> list[TrainingRow]:
    """Apply the system-message options; equal seeds give equal rows."""
    chance = random.Random(seed)
    kept = [
        row
        for group in by_instruction(rows)
        for row in _answers_arranged(group[: options.system_messages_per_instruction], options, chance)
    ]
    return [
        row._replace(system=None)
        if not options.multifaceted_input or (row.system is not None and chance.random() < options.system_dropout)
        else row
        for row in kept
    ]


def _answers_arranged(group: list[TrainingRow], options: DataOptions, chance: random.Random) -> list[TrainingRow]:
    if not options.multifaceted_output:
        return [row._replace(answers=group[0].answers) for row in group]
    if options.shuffled_system:
        systems = [row.system for row in group]
        chance.shuffle(systems)
        return [row._replace(system=system) for row, system in zip(group, systems, strict=True)]
    return group
