"""How far a model follows system messages, told from log-probabilities alone: no judge, no generated text.

An instruction comes with K system messages and the K answers written for them. `under[i, j]` is the mean
log-probability per token (nats) of answer i under message j, `empty[i]` the same under an explicitly empty message.
Related: prompt steerability (Miehling et al., NAACL 2025, arXiv:2411.12405), context influence (Flemings et al.,
arXiv:2410.03026), probabilistic attribution (arXiv:2605.21726), and pointwise mutual information, which is what
`gain` estimates a token.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

ROUNDS = 2000
_SHUFFLES = 200  # of each instruction; every draw of the instruction takes one of them at random

_NOISE = 1e-5  # nats by which one and the same text may differ with what is scored beside it


class Example(NamedTuple):
    """A system message, what was asked, and the answer written for both."""

    system: str
    prompt: str
    output: str
    instruction_id: str | None = None


class Question(NamedTuple):
    """An answer whose tokens are to be scored after a system message, which may be empty, and a prompt."""

    system: str
    prompt: str
    answer: str


@dataclass(frozen=True)
class Scores:
    """One instruction's mean log-probabilities per token: `under` (K, K), `empty` (K,)."""

    under: Floats
    empty: Floats


class Figure(NamedTuple):
    """A mean over answers, and the ends of its 95% interval."""

    mean: float
    low: float
    high: float


@dataclass(frozen=True)
class Steerability:
    """What the scores say. Log-probabilities are means per token (nats); every answer counts once."""

    n: int
    """Answers scored."""
    instructions: int
    left_out: int
    """Answers whose instruction has no second one: they can be told from nothing."""
    chance: float
    """What attribution and selection accuracy are for a model that ignores the message: 1/K."""
    margin: Figure
    """How much likelier an answer is under its own message than under the others: 0 is ignoring them."""
    attribution: Figure
    """Share of answers that are likeliest under their own message."""
    selection: Figure
    """Share of messages that raise their own answer more than any other, compared with the empty message."""
    own: Figure
    empty: Figure
    gain: Figure
    """Own minus empty."""
    shuffled: Figure
    """The margin when each instruction's messages are dealt out at random: what chance alone gives."""


def by_instruction(examples: Iterable[Example]) -> list[list[Example]]:
    """Put together what has the same `instruction_id` or, without one, the same prompt; in order of appearance."""
    groups: dict[tuple[bool, str], list[Example]] = {}
    for example in examples:
        name = example.prompt if example.instruction_id is None else example.instruction_id
        groups.setdefault((example.instruction_id is None, name), []).append(example)
    return list(groups.values())


def questions(group: Sequence[Example]) -> list[Question]:
    """List what has to be scored for one instruction; `arranged` takes the scores in this order."""
    systems = [example.system for example in group] + [""]
    return [Question(system, example.prompt, example.output) for example in group for system in systems]


def arranged(means: Sequence[float]) -> Scores:
    """Arrange the mean log-probabilities of one instruction's `questions`."""
    size = (np.sqrt(4 * len(means) + 1) - 1) / 2  # K answers, each under K messages and the empty one
    table = np.asarray(means, dtype=np.float64).reshape(int(size), -1)
    return Scores(table[:, :-1], table[:, -1])


def wins(table: Floats) -> Floats:
    """Credit row i of a square table with 1 if its largest entry is i; those who tie for largest share."""
    is_largest = table >= table.max(axis=1, keepdims=True) - _NOISE
    credit: Floats = np.diagonal(is_largest) / is_largest.sum(axis=1)
    return credit


def margins(under: Floats) -> Floats:
    """Return in [i, j] how much likelier answer i is under message j than, on average, under the others."""
    others: Floats = (under.sum(axis=1, keepdims=True) - under) / (len(under) - 1)
    return under - others


def steerability(scores: Iterable[Scores], rounds: int = ROUNDS, seed: int = 0) -> Steerability:
    """Sum up instructions, with intervals from a bootstrap over them: an instruction is drawn with all its answers.

    The shuffled control deals each instruction's messages out anew whenever a round draws that instruction, and takes
    the margin as if each answer had been written for what it was dealt. Own messages are dealt too, one in K, so every
    entry of a row is as likely and the control is 0 in expectation whatever the model does; shuffling so that no
    answer keeps its own would give -margin/(K-1). Its interval is thus the yardstick: a margin inside it is chance.

    Raises:
        ValueError: no instruction has two answers
    """
    given = list(scores)
    usable = [one for one in given if len(one.empty) > 1]
    if not usable:
        raise ValueError("no instruction has two answers")
    random = np.random.default_rng(seed)
    sums = np.array([_sums(one) for one in usable])  # (instructions, figures)
    sizes = np.array([len(one.empty) for one in usable])
    shuffles = np.array([_shuffled(one.under, random) for one in usable])  # (instructions, _SHUFFLES)
    redrawn, dealt = np.empty((rounds, sums.shape[1])), np.empty(rounds)
    for turn in range(rounds):
        drawn = random.integers(len(usable), size=len(usable))
        answers = sizes[drawn].sum()
        redrawn[turn] = sums[drawn].sum(axis=0) / answers
        dealt[turn] = shuffles[drawn, random.integers(_SHUFFLES, size=len(drawn))].sum() / answers
    n = int(sizes.sum())
    margin, attribution, selection, own, empty, gain = map(_figure, sums.sum(axis=0) / n, redrawn.T)
    return Steerability(
        n=n,
        instructions=len(usable),
        left_out=sum(len(one.empty) for one in given) - n,
        chance=len(usable) / n,
        margin=margin,
        attribution=attribution,
        selection=selection,
        own=own,
        empty=empty,
        gain=gain,
        shuffled=_figure(dealt.mean(), dealt),
    )


def _sums(scores: Scores) -> list[float]:
    """Sum over one instruction's answers: margin, attribution, selection, own, empty, gain."""
    own = np.diagonal(scores.under)
    raised = (scores.under - scores.empty[:, None]).T  # (messages, answers)
    per_answer = (
        np.diagonal(margins(scores.under)),
        wins(scores.under),
        wins(raised),
        own,
        scores.empty,
        own - scores.empty,
    )
    return [float(values.sum()) for values in per_answer]


def _shuffled(under: Floats, random: np.random.Generator) -> Floats:
    answers = np.arange(len(under))
    dealt = random.permuted(np.tile(answers, (_SHUFFLES, 1)), axis=1)
    sums: Floats = margins(under)[answers, dealt].sum(axis=1)
    return sums


def _figure(mean: float, drawn: Floats) -> Figure:
    low, high = np.quantile(drawn, (0.025, 0.975))
    return Figure(float(mean), float(low), float(high))
