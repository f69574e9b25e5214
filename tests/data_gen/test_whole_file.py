from __future__ import annotations

from pathlib import Path

import pytest

from data_gen.whole_file import whole_file


def test_the_name_is_taken_at_the_end(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_text("old")
    with whole_file(path) as file:
        file.write("new\n")
        assert path.read_text() == "old"
    assert path.read_bytes() == b"new\n"

    def fail_halfway() -> None:
        with whole_file(path) as file:
            file.write("half")
            raise ValueError("torn")

    with pytest.raises(ValueError, match="torn"):
        fail_halfway()
    assert path.read_text() == "new\n"
    assert list(tmp_path.iterdir()) == [path]
