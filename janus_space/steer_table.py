"""What steerability figures say, for people: a table and a sentence a model."""

from __future__ import annotations

import math

from janus_space.steer import Steered
from trainer.steerability import Figure, Steerability


def table(told: Steerability) -> str:
    """Give one model's figures with their 95% intervals (bootstrap over instructions) and what each of them is."""
    chance = f"chance is {told.chance:.0%}"
    rows = (
        ("margin", _nats(told.margin), "how much likelier an answer is under its own message than under the others"),
        ("shuffled", _nats(told.shuffled), "the same with the messages dealt out at random: what chance gives"),
        ("attributed", _share(told.attribution), f"answers likeliest under their own message; {chance}"),
        ("selected", _share(told.selection), f"messages that raise their own answer most; {chance}"),
        ("own message", _nats(told.own), "mean log-probability of a token (nats) under the answer's own message"),
        ("empty message", _nats(told.empty), "the same under an empty system message"),
    )
    lines = [f"  {name:<13}  {figure:<25}  {meaning}" for name, figure, meaning in rows]
    return "\n".join([f"  {'':<13}  {'':<7} {'95% interval':<17}", *lines])


def reading(steered: Steered) -> str:
    """Say in a sentence or two what one model's figures mean."""
    told = steered.told
    if told is None:
        return f"{steered.model} could not be measured: {steered.error}"
    sentence = f"{steered.model} {_verdict(told)} ({told.n} answers to {told.instructions} instructions)."
    if told.left_out:
        sentence += f" Left out: {told.left_out} answers without a second one to the same instruction."
    return sentence


def _verdict(told: Steerability) -> str:
    if told.margin.low > max(0.0, told.shuffled.high):
        likelier = math.exp(told.margin.mean) - 1
        return f"follows its system messages: the right one makes each token of an answer {likelier:.1%} likelier"
    if told.margin.low > 0:
        return "seems to follow its system messages, but shuffled ones come as far: measure more instructions"
    if told.margin.high < 0:
        return "finds answers likelier under others' messages than under their own: see how the records are paired"
    return "cannot be told from a model that ignores its system messages"


def _nats(figure: Figure) -> str:
    return f"{figure.mean:>z7.3f} [{figure.low:z.3f}, {figure.high:z.3f}]"


def _share(figure: Figure) -> str:
    return f"{figure.mean:>7.0%} [{figure.low:.0%}, {figure.high:.0%}]"
