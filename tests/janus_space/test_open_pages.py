"""A page belongs to whoever opened it."""

from __future__ import annotations

from janus_space.access import Caller, Role
from janus_space.open_pages import OpenPages

ONE, OTHER = Caller(Role.ANON, "visitor 1"), Caller(Role.ANON, "visitor 2")


def test_it_belongs_to_its_first_caller() -> None:
    pages = OpenPages()
    assert pages.is_of("abc", ONE)
    assert pages.is_of("abc", ONE)
    assert not pages.is_of("abc", OTHER)
    assert pages.is_of("def", OTHER)
    assert pages.is_of(None, ONE)


def test_pages_in_use_are_remembered_longest_and_the_memory_has_an_end() -> None:
    pages = OpenPages()
    for number in range(10_000):
        assert pages.is_of(f"page {number}", ONE)
        assert not pages.is_of("page 0", OTHER)
    assert len(pages._openers) <= 4000
