"""Where the system message speaks: how much likelier it, and each part of it, made every token of an answer.

The influence of a token is log p(token | system message, question, before) - log p(token | question, before), in nats;
the second with an explicitly empty system message, for a template that is given none may put in its own. The same
difference between the whole message and the message without one part is that part's influence (context influence:
Flemings et al., arXiv:2410.03026).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from data_gen.chat import Conversation, Message
from janus_space.engine.scores import ScoreItem
from janus_space.errors import ScoringRefused
from janus_space.message_parts import Part, by_sentence
from janus_space.phrases import THRICE, TWICE, phrases
from janus_space.scorer import Scorer

MAX_PHRASES = 8
LINE_BREAK = "↵"

# On 20 answers of the embedded model, this passed 11 parts that it had read and one that it had not.
_HEARD = THRICE


@dataclass(frozen=True)
class Phrase:
    """Words in a row, as tokens[start:end], that the message made at least three times as likely.

    `part` is the part without which they would lose most, if they would be half as likely at most.
    """

    start: int
    end: int
    text: str
    influence: float
    part: str | None


@dataclass(frozen=True)
class PartInfluence:
    """What one part of the message did: `influence` a token, its sum, and its sum over the phrase it moved most.

    The part is ignored if it made neither the whole answer nor any phrase at least three times as likely.
    """

    part: Part
    influence: tuple[float, ...]
    total: float
    strongest: float
    is_ignored: bool


@dataclass(frozen=True)
class Influence:
    """An answer's tokens and how much likelier the system message made each; all in nats."""

    tokens: tuple[str, ...]
    influence: tuple[float, ...]
    total: float
    mean: float
    phrases: tuple[Phrase, ...]
    parts: tuple[PartInfluence, ...]


async def influence(
    scorer: Scorer,
    conversation: Conversation,
    answer: str,
    parts: Sequence[Part] | None = None,
    on_wait: Callable[[str], None] = lambda _: None,
) -> Influence:
    """Explain an answer by the system message in front of its conversation, all in one request to the engine.

    `parts` are those of the message, its sentences unless given. Cancelling stops the engine.

    Raises:
        ScoringRefused: there is no system message, no answer, or too much of either
        EngineFailed: the model cannot be loaded, or its engine has ended
    """
    system = conversation.system
    if system is None or not system.strip():
        raise ScoringRefused("No system message was sent, so none can have spoken: write one and ask again.")
    if not answer.strip():
        raise ScoringRefused("The answer is empty: there are no words to explain.")
    parts = by_sentence(system) if parts is None else parts
    readings = dict.fromkeys([system, "", *(part.without for part in parts)])
    items = [ScoreItem(_under(reading, conversation), answer) for reading in readings]
    async with scorer.ready(on_wait) as score:
        told = dict(zip(readings, await score(items), strict=True))
    whole = told[system]
    moved = {
        reading: tuple(one - other for one, other in zip(whole.logprobs, scores.logprobs, strict=True))
        for reading, scores in told.items()
    }
    return summed_up(whole.tokens, moved[""], [(part, moved[part.without]) for part in parts])


def summed_up(
    tokens: tuple[str, ...], influence: tuple[float, ...], by_part: Sequence[tuple[Part, tuple[float, ...]]]
) -> Influence:
    """Find the phrases, who moved them, and which parts moved nothing; each influence is one number a token."""
    return Influence(
        tokens=tokens,
        influence=influence,
        total=sum(influence),
        mean=sum(influence) / len(influence),
        phrases=tuple(
            Phrase(start, end, "".join(tokens[start:end]).strip() or LINE_BREAK, worth, _mover(start, end, by_part))
            for worth, start, end in phrases(tokens, influence)[:MAX_PHRASES]
        ),
        parts=tuple(_part_influence(part, moved, tokens) for part, moved in by_part),
    )


def _under(system: str, conversation: Conversation) -> Conversation:
    return Conversation(messages=(Message(role="system", content=system), *conversation.messages[1:]))


def _mover(start: int, end: int, by_part: Sequence[tuple[Part, tuple[float, ...]]]) -> str | None:
    moved = [(sum(influence[start:end]), part.name) for part, influence in by_part]
    most, name = max(moved, key=lambda one: one[0], default=(0.0, ""))
    return name if most >= TWICE else None


def _part_influence(part: Part, influence: tuple[float, ...], tokens: Sequence[str]) -> PartInfluence:
    total = sum(influence)
    strongest = max((worth for worth, _, _ in phrases(tokens, influence)), default=0.0)
    return PartInfluence(part, influence, total, strongest, is_ignored=max(total, strongest) < _HEARD)
