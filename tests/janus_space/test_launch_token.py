"""The launch token gives itself away to nobody who does not hold it."""

from __future__ import annotations

from janus_space.launch_token import LaunchToken


def test_only_the_token_matches_and_no_two_are_alike() -> None:
    token, other = LaunchToken(), LaunchToken()
    assert token.matches(token.told)
    assert len(token.told) >= 43  # 256 bits in base 64
    for wrong in ("", other.told, token.told[:-1], token.told + "x", token.told.swapcase(), "\udcff", "ключ"):
        assert not token.matches(wrong)


def test_its_representation_is_silent() -> None:
    token = LaunchToken()
    assert token.told not in f"{token} {token!r} {[token]}"
