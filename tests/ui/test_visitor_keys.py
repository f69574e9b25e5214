"""Keys that visitors lend: for one origin, one visitor, one visit."""

from __future__ import annotations

import pytest

from data_gen.errors import BadRequest
from janus_space.ui.visitor_keys import VisitorKeys, new_visitor


def test_a_key_belongs_to_its_visitor_and_origin() -> None:
    keys = VisitorKeys()
    assert keys.keep("ann", "https://api.example/v1/", "sk-1") == "https://api.example"
    assert keys.of("ann") == {"https://api.example": "sk-1"}
    assert keys.of("bob") == {}


def test_an_empty_key_forgets_and_a_visitor_who_left_is_forgotten() -> None:
    keys = VisitorKeys()
    keys.keep("ann", "https://api.example/v1", "sk-1")
    keys.keep("ann", "https://api.example/v1", "")
    assert keys.of("ann") == {}
    keys.keep("ann", "https://api.example/v1", "sk-1")
    keys.forget("ann")
    assert keys.of("ann") == {}


def test_no_key_shows_in_the_repr() -> None:
    keys = VisitorKeys()
    keys.keep("ann", "https://api.example/v1", "sk-1")
    assert "sk-1" not in repr(keys)


@pytest.mark.parametrize("endpoint", ["", "api.example", "https://me:pw@api.example/v1", "file:///etc/passwd"])
def test_what_is_no_address_is_refused(endpoint: str) -> None:
    with pytest.raises(BadRequest):
        VisitorKeys().keep("ann", endpoint, "sk-1")


def test_visitors_are_named_unguessably() -> None:
    assert len(new_visitor()) == 32
    assert new_visitor() != new_visitor()
