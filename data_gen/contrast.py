"""Pairs from siblings: what is right under one system message is wrong under another (arXiv:2405.17977)."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby, permutations
from typing import Literal, TypeVar

from data_gen.chat import Message
from data_gen.records import ContrastPair, SiblingRecord

PairRule = Literal["paper", "contrast", "none"]
Sibling = TypeVar("Sibling", bound=SiblingRecord)


def sibling_groups(records: Iterable[Sibling]) -> Iterator[list[Sibling]]:
    """Group the rows of one instruction, which stand together in a dataset in canonical order."""
    for _, group in groupby(records, key=lambda record: record.instruction_id):
        yield list(group)


def pairs_of(siblings: Sequence[SiblingRecord], rule: PairRule, seed: int) -> Iterator[ContrastPair]:
    """Pair the gold answers of one instruction.

    `paper` draws one system message and, as the rejected answer, that of one sibling; `contrast` gives all K(K-1)
    ordered pairs, so that each answer is chosen under its own message and rejected under every other.
    """
    ordered = [(one, other) for one, other in permutations(siblings, 2) if one.output.strip() != other.output.strip()]
    if rule == "none" or not ordered:
        return
    if rule == "paper":
        ordered = [random.Random(f"{seed}:pair:{siblings[0].instruction_id}").choice(ordered)]
    for own, sibling in ordered:
        yield _pair(own, sibling)


def _pair(own: SiblingRecord, sibling: SiblingRecord) -> ContrastPair:
    asked = Message(role="user", content=own.prompt)
    return ContrastPair(
        instruction_id=own.instruction_id or "",
        main_source=own.main_source,
        original_source=own.original_source,
        system=own.system,
        prompt=own.prompt,
        chosen=(asked, Message(role="assistant", content=own.output)),
        rejected=(asked, Message(role="assistant", content=sibling.output)),
        chosen_set=own.set_index,
        rejected_set=sibling.set_index,
    )
