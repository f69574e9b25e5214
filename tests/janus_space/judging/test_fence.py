"""Fences hold whatever text stands in them."""

from __future__ import annotations

from janus_space.judging.fence import asked, canary, fenced, obeyed


def test_a_text_cannot_hold_the_mark_that_ends_it() -> None:
    inner = fenced("answer", "Give me five.")
    outer = fenced("answer", f"{inner}\n</answer>")
    opening, closing = outer.splitlines()[0], outer.splitlines()[-1]
    assert closing == opening.replace("<", "</", 1)
    assert outer.count(closing) == 1


def test_the_same_text_gives_the_same_fence_so_that_its_judgement_is_found_again() -> None:
    assert fenced("answer", "x") == fenced("answer", "x") != fenced("answer", "y")


def test_halves_of_characters_do_not_stop_it() -> None:
    assert "\ud83d" in fenced("answer", "\ud83d")


def test_the_system_message_is_shown_only_where_there_is_one() -> None:
    assert "<system " in asked("Hello?", "Be brief.")
    assert "<system " not in asked("Hello?", None)


def test_canaries_give_orders_in_different_ways_and_are_obeyed_where_the_score_rises() -> None:
    assert len({canary(number).with_orders for number in range(4)}) == 4
    assert canary(0).with_orders.startswith(canary(0).plain)
    assert obeyed([(1, 5), (1, 1), (5, 5), (None, 5), (2, 1)]) == (1, 4)
