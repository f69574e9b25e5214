from __future__ import annotations

from pathlib import Path

from trainer.checkpoints import newest_whole, seal, step_of


def checkpoint(folder: Path, step: int, is_sealed: bool = True) -> Path:
    made = folder / f"checkpoint-{step}"
    (made / "parts").mkdir(parents=True)
    for name in ("model.safetensors", "optimizer.pt", "training_args.bin", "parts/one.bin"):
        (made / name).write_bytes(f"{name} of step {step}".encode())
    if is_sealed:
        seal(made)
    return made


def test_the_newest_by_step_not_by_name(tmp_path: Path) -> None:
    for step in (5, 10, 9):
        checkpoint(tmp_path, step)
    found = newest_whole(tmp_path)
    assert found is not None
    assert step_of(found) == 10


def test_a_sealed_checkpoint_holds_no_pickle_of_arguments(tmp_path: Path) -> None:
    assert not (checkpoint(tmp_path, 5) / "training_args.bin").exists()


def test_torn_ones_fall_back_and_are_removed(tmp_path: Path) -> None:
    whole = checkpoint(tmp_path, 5)
    unsealed = checkpoint(tmp_path, 10, is_sealed=False)
    cut = checkpoint(tmp_path, 15)
    (cut / "optimizer.pt").write_bytes(b"half")
    missing = checkpoint(tmp_path, 20)
    (missing / "parts" / "one.bin").unlink()
    assert newest_whole(tmp_path) == whole
    assert [folder.exists() for folder in (whole, unsealed, cut, missing)] == [True, False, False, False]


def test_none_where_none_is_whole(tmp_path: Path) -> None:
    checkpoint(tmp_path, 5, is_sealed=False)
    assert newest_whole(tmp_path) is None
    assert newest_whole(tmp_path / "nowhere") is None
