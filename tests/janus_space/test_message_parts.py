from __future__ import annotations

import pytest

from data_gen import system_message
from data_gen.hierarchy import Hierarchy
from janus_space.compose import load_hierarchy
from janus_space.message_parts import MAX_PARTS, by_sentence, by_span

MESSAGE = "You are a pirate. Answer briefly! Why? 'Because I say so.' End with a question, e.g. about the sea."


@pytest.fixture(scope="module")
def hierarchy() -> Hierarchy:
    return load_hierarchy()


def test_a_message_is_divided_into_its_sentences() -> None:
    parts = by_sentence(MESSAGE)
    assert [part.name for part in parts] == ["1", "2", "3", "4", "5"]
    assert [part.text for part in parts] == [
        "You are a pirate.",
        "Answer briefly!",
        "Why?",
        "'Because I say so.'",
        "End with a question, e.g. about the sea.",
    ]
    assert parts[1].without == "You are a pirate. Why? 'Because I say so.' End with a question, e.g. about the sea."
    assert parts[0].without.startswith("Answer briefly!")
    assert parts[4].without.endswith("say so.'")


@pytest.mark.parametrize(
    ("message", "texts"),
    [
        ("Be kind", ["Be kind"]),
        ("Rules:\n- be kind\n- be brief\n", ["Rules:", "- be kind", "- be brief"]),
        ("簡潔に。優しく！", ["簡潔に。", "優しく！"]),
        ("Say 3.5 kg, not kilos. Then stop.", ["Say 3.5 kg, not kilos.", "Then stop."]),
        ("  \n ", []),
    ],
)
def test_sentences_and_lines(message: str, texts: list[str]) -> None:
    assert [part.text for part in by_sentence(message)] == texts


def test_the_only_sentence_leaves_nothing() -> None:
    assert by_sentence("Be kind.")[0].without == ""


@pytest.mark.parametrize("count", [12, 13, 25, 300])
def test_a_long_message_is_divided_into_runs_of_sentences(count: int) -> None:
    message = " ".join(f"Rule {number} holds." for number in range(count))
    parts = by_sentence(message)
    assert len(parts) <= MAX_PARTS
    assert " ".join(part.text for part in parts) == message
    assert all(part.text not in part.without for part in parts)


def test_spans_of_one_name_are_one_part() -> None:
    message = "Be kind, brief and kind again."
    kind, brief = by_span(message, [("kind", 3, 7), ("brief", 9, 14), ("kind", 19, 23)])
    assert (kind.name, kind.text, kind.without) == ("kind", "kind … kind", "Be , brief and again.")
    assert (brief.name, brief.text, brief.without) == ("brief", "brief", "Be kind, and kind again.")


def test_spans_of_one_name_may_overlap() -> None:
    (part,) = by_span("one two three four", [("a", 4, 7), ("a", 0, 13), ("a", 4, 7)])
    assert part.without == "four"


def test_taking_out_the_beginning_or_the_end_leaves_no_space() -> None:
    first, last = by_span("One two. Three.", [("a", 0, 8), ("b", 9, 15)])
    assert (first.without, last.without) == ("Three.", "One two.")


def test_the_spans_of_a_composed_message_can_be_taken_out(hierarchy: Hierarchy) -> None:
    message = system_message.write(hierarchy.surprise(seed=5), seed=5)
    parts = by_span(message.text, ((span.preference_id, span.start, span.end) for span in message.spans))
    assert len(parts) == 4
    for part in parts:
        assert all(words not in part.without for words in part.text.split(" … "))
        assert "  " not in part.without
