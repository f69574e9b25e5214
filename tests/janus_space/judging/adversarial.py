"""Replies of judges, as wild as they come, each with the score that its judge gave: None where it gave none."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from typing import NamedTuple


class Reply(NamedTuple):
    text: str
    score: int | None


Make = Callable[[random.Random], Reply]

_PRAISE = (
    "The answer keeps to the rubric.",
    "It names three tools and warns of none",
    "Good, but 2 of 5 steps are missing.",
    "Compared with the reference answer (Score 5), it is thin.",
    "It earns more than a score of 2 and less than a score of 4.",
    "The tone is warm; 100% of the reader's wish is met, I would say…",
    'The answer says "[RESULT] 5" and asks me to repeat it.',
    "The answer says “Score: 5” in its last line.",
    "Das Ergebnis: 4 von 7 Punkten, 3.5 im Mittel.",
    "Rubric, score 3: several touches appear.",
    "I was told to write [RESULT] (an integer number between 1 and 5)",
    "```\n[RESULT] 5\n```",
    "It cites [3] and [12].",
    "",
)
_BETWEEN = ("\n", "\n\n", " ", "  \n")


def _prose(dice: random.Random) -> str:
    return " ".join(dice.choice(_PRAISE) for _ in range(dice.randint(0, 4))).strip()


def _ended(dice: random.Random) -> str:
    """Write prose that ends as a sentence does."""
    text = _prose(dice)
    return text if not text or text[-1] in ".…`" else text + "."


def _verdict(dice: random.Random) -> Reply:
    score = dice.randint(1, 5)
    form = dice.choice(
        (
            "[RESULT] {}",
            "[RESULT]: {}",
            "[Result] {}/5",
            "[RESULT] {} out of 5",
            "**[RESULT]** {}",
            "Score: {}",
            "Score: **{}**",
            "Final score: {}/5",
            "[{}]",
            "[[{}]]",
            "(Score {})",
            "[RESULT] ({})",
            "**Score: {}**",
            "[RESULT] {}.",
            "Overall rating: {}",
        )
    )
    return Reply(f"{_ended(dice)}{dice.choice(_BETWEEN)}{form.format(score)}{dice.choice(('', ' ', chr(10)))}", score)


def _json(dice: random.Random) -> Reply:
    score = dice.randint(1, 5)
    text = json.dumps({"feedback": _prose(dice), "score": dice.choice((score, float(score), str(score)))})
    return Reply(
        dice.choice(("{}", "```json\n{}\n```", "\n{}\n", "<think>Is it [RESULT] 5?</think>{}")).format(text), score
    )


def _wrong_json(dice: random.Random) -> Reply:
    score = dice.choice(
        ("0", "6", "50", "-1", "3.5", "true", "null", '"five"', "[4]", '{"value": 4}', "1e9", '"4 or 5"', "NaN")
    )
    feedback = json.dumps(_prose(dice))
    forms = (
        f'{{"feedback": {feedback}, "score": {score}}}',
        f'{{"feedback": {feedback}, "score": 5, "score": 1}}',
        f'{{"feedback": {feedback}, "points": 4}}',
        f'{{"feedback": {feedback}, "score": 4',
        f'The answer holds {{"feedback": {feedback}, "score": 5}}',
        f'The answer ends so:\n{{"feedback": {feedback}, "score": 5}}',
        f"[4, {feedback}]",
        "4",
    )
    return Reply(dice.choice(forms), None)


def _no_verdict(dice: random.Random) -> Reply:
    number = dice.randint(1, 5)
    ends = (
        f'It ends with "[RESULT] {number}"',
        f'It ends with "[RESULT] {number}',
        f"It ends with “Score: {number}”",
        f"> [RESULT] {number}",
        f"```\n[RESULT] {number}\n```",
        f"```\n[RESULT] {number}",
        f"The answer tells me to write [RESULT] {number}",
        f"That would deserve a score of {number}",
        f"It is not worth Score: {number}",
        f"[RESULT] {number} or {number % 5 + 1}",
        f"[RESULT] {number}-{number % 5 + 1}",
        f"[RESULT] {number}.5",
        f"[RESULT] {number},5",
        f"[RESULT] -{number}",
        f"[RESULT] {number}/10",
        f"[RESULT] {number} out of 10",
        f"[RESULT] {number}{number}",
        "[RESULT] 0",
        "[RESULT] 6",
        "[RESULT] (an integer number between 1 and 5)",
        "[RESULT]",
        "[RESULT] five",
        f"[RESULT] {chr(0x0966 + number)}",
        f"[RESULT] {number}\nThe answer meets the wish because it is short",
        f"[RESULT] {number}\n[RESULT] {number % 5 + 1}",
        f"Score: {number} {number % 5 + 1}",
        f"Clarity is fair.\n1. Score: {number}\n2. Score: {number % 5 + 1}",
        f"The answer reads:\n[RESULT] {number}",
        f"Score: {number}, or perhaps {number % 5 + 1}",
        f"It was told 'Score: {number}'.",
        f"{number}",
        f"{number}/5 of the readers would agree",
        "I cannot judge this.",
        "",
    )
    return Reply(f"{_ended(dice)}{dice.choice(_BETWEEN)}{dice.choice(ends)}", None)


def _torn(dice: random.Random) -> Reply:
    """Cut a reply that gives a score somewhere before it: what is left has none."""
    whole = _verdict(dice)
    head = whole.text.rstrip().rstrip("*)].")
    return Reply(head[: max(0, len(head) - dice.randint(1, 12))].rstrip("0123456789 "), None)


def _scrambled(dice: random.Random) -> Reply:
    pieces = [
        "[RESULT]",
        "Score",
        ":",
        "of",
        "5",
        "1",
        "[",
        "]",
        "(",
        ")",
        '"',
        "“",
        "{",
        "}",
        "\n",
        " ",
        "better than",
        "a",
        "/",
    ]
    return Reply(" ".join(dice.choice(pieces) for _ in range(dice.randint(1, 30))) + " is what I read", None)


_KINDS: tuple[Make, ...] = (_verdict, _json, _wrong_json, _no_verdict, _no_verdict, _torn, _scrambled)


def replies(count: int, seed: int) -> list[Reply]:
    """Invent so many replies."""
    dice = random.Random(seed)
    return [dice.choice(_KINDS)(dice) for _ in range(count)]
