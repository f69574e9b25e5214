"""A row as the model will read it: token by token, who speaks, what is trained, and what the template does to it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Literal, NamedTuple

from trainer.data import TrainingRow
from trainer.render import rendered_row

Speaker = Literal["template", "system", "user", "assistant", "answer"]
Surprise = Literal["merged", "invented", "dropped"]


class XrayToken(NamedTuple):
    """One token: its text, whose words it is, and whether it is trained."""

    id: int
    text: str
    speaker: Speaker
    is_trained: bool
    is_cut: bool
    """It lies behind max_length and is not read at all."""


class XrayText(NamedTuple):
    """One answer of a row, chosen or rejected where there are two."""

    label: Literal["answer", "chosen", "rejected"]
    tokens: list[XrayToken]


class Xray(NamedTuple):
    """A row, and what its reader should know."""

    place: str
    texts: list[XrayText]
    surprise: Surprise | None
    """merged: the system message stands in the user's turn; invented: the template put in one of its own; dropped: the
    system message is not in what the model reads."""
    says: str


_SAYS = {
    None: "The system message has a turn of its own.",
    "merged": "The template has no system role: the system message stands at the beginning of the user's turn.",
    "invented": "The row has no system message, and the template puts in one of its own.",
    "dropped": "The system message is not in what the model reads.",
}


def xray(tokenizer: Any, row: TrainingRow, max_length: int) -> Xray:
    """Render a row by the function that training uses, and tell its tokens apart.

    Raises:
        TemplateFailed
    """
    one = rendered_row(tokenizer, row)
    prompt = list(_told_apart(tokenizer, one.prompt_ids, row))
    labels: Sequence[Any] = ("answer",) if len(row.answers) == 1 else ("chosen", "rejected")
    texts = []
    for label, ids in zip(labels, one.answers_ids, strict=True):
        pieces: list[tuple[int, str, Speaker]]
        pieces = [(token, text, "answer") for token, text in zip(ids, _pieces(tokenizer, ids), strict=True)]
        tokens = [
            XrayToken(token, text, speaker, speaker == "answer" and place < max_length, place >= max_length)
            for place, (token, text, speaker) in enumerate([*prompt, *pieces])
        ]
        texts.append(XrayText(label, tokens))
    surprise = _surprise(row, one.system_role, [speaker for _, _, speaker in prompt])
    says = "There is no system message." if row.system is None and surprise is None else _SAYS[surprise]
    return Xray(row.place, texts, surprise, says)


def _surprise(row: TrainingRow, system_role: str, speakers: list[str]) -> Surprise | None:
    if row.system is None:
        return "invented" if system_role == "default" else None
    if "system" not in speakers:
        return "dropped"
    return "merged" if system_role == "folded" else None


def _told_apart(tokenizer: Any, ids: list[int], row: TrainingRow) -> Iterator[tuple[int, str, Speaker]]:
    """Find each message's words in the rendered text, in order; what is between them is the template's."""
    pieces = _pieces(tokenizer, ids)
    text = "".join(pieces)
    spans: list[tuple[int, int, Speaker]] = []
    begin = 0
    for message in row.messages:
        words = message["content"].strip()
        found = text.find(words, begin)
        if found >= 0 and words:
            begin = found + len(words)
            spans.append((found, begin, message["role"]))  # type: ignore[arg-type]
    place = 0
    for token, piece in zip(ids, pieces, strict=True):
        middle = place + len(piece) / 2
        speaker: Speaker = next(
            (who for start, end, who in spans if start <= middle <= end and place < end), "template"
        )
        yield token, piece, speaker
        place += len(piece)


def _pieces(tokenizer: Any, ids: list[int]) -> list[str]:
    """Return the text of each token; where several make one character, the last of them has it."""
    pieces: list[str] = []
    begin = done = 0
    for end in range(1, len(ids) + 1):
        text = tokenizer.decode(ids[begin:end], skip_special_tokens=False, clean_up_tokenization_spaces=False)
        if text.endswith("\ufffd") and end < len(ids) and end - begin < done + 8:
            pieces.append("")
            continue
        pieces.append(text)
        begin = end
    return pieces


def as_text(found: Xray) -> str:
    """Draw an X-ray for a terminal: what is trained in bold, the template's own text faint."""
    styles = {"template": 2, "system": 35, "user": 34, "assistant": 36, "answer": 1}
    lines = [f"{found.place}: {found.says}"]
    for one in found.texts:
        shown = "".join(f"\x1b[{styles[token.speaker]}m{token.text}\x1b[0m" for token in one.tokens if not token.is_cut)
        trained = sum(token.is_trained for token in one.tokens)
        cut = sum(token.is_cut for token in one.tokens)
        lines.append(f"{one.label}: {len(one.tokens)} tokens, {trained} trained, {cut} cut\n{shown}")
    return "\n".join(lines) + "\n"
