"""The quality report as a page for people."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from data_gen.figures import Spread
from data_gen.floors import Floor
from data_gen.quality import QualityReport


def as_markdown(report: QualityReport) -> str:
    """Write the report as tables, each with a sentence on how to read it."""
    return "\n".join(_lines(report)) + "\n"


def _lines(report: QualityReport) -> Iterator[str]:
    yield f"# Quality of {report.rows} rows from {report.instructions} instructions"
    yield "\n## Lengths\n\n*Usual* is what the paper's public rows measure.\n"
    yield from _table(
        ("", "n", "mean", "5%", "median", "95%", "usual", "within"),
        ((name, *_cells(found), *_usual(found)) for name, found in report.lengths.items()),
    )
    yield "\n## Diversity\n\nROUGE-L between pairs: 1 is the same text. Lower is more different.\n"
    likeness = {f"descriptions: {name}": found for name, found in report.rouge_l_descriptions.items()}
    likeness["answers to one instruction"] = report.rouge_l_sibling_answers
    yield from _table(
        ("", "pairs", "mean", "5%", "median", "95%"), ((name, *_cells(found)) for name, found in likeness.items())
    )
    yield "\n## Coverage of the hierarchy\n\n*Evenness* is 1 where every subdimension is chosen equally often.\n"
    yield from _table(
        ("dimension", "known ones used", "evenness", "most frequent"),
        (
            (
                name,
                f"{found.known_used} of {found.known}",
                f"{found.evenness:.2f}",
                ", ".join(f"{one} {count}" for one, count in list(found.subdimensions.items())[:8]),
            )
            for name, found in report.coverage.items()
        ),
    )
    yield "\n## Floors\n\nWhat a varied dataset reaches. With few rows nothing is judged.\n"
    yield from _table(
        ("", "measured", "bound", ""),
        ((one.what, "–" if one.measured is None else f"{one.measured:.2f}", *_verdict(one)) for one in report.floors),
    )
    yield "\n## What to look at\n"
    yield f"- {report.near_duplicate_prompts} instructions nearly repeat another one."
    yield f"- {report.near_duplicate_system_messages} system messages nearly repeat another one."
    yield f"- {report.cut_off_answers} answers were cut off by their length."
    yield f"- {report.unsafe_rows} rows look unsafe to the {report.safety_scorer}: a hint, no judgement."
    yield f"- {_leaks(report)}"
    yield from (f"- {count} rows: {finding}." for finding, count in report.findings.items())


def _verdict(floor: Floor) -> tuple[str, str]:
    bound = f"≥ {floor.at_least}" if floor.at_least is not None else f"≤ {floor.at_most}"
    return bound, "not judged" if floor.is_kept is None else "kept" if floor.is_kept else "MISSED"


def _leaks(report: QualityReport) -> str:
    if not report.benchmarks:
        return "No benchmark was named to compare the instructions with."
    return f"{len(report.leaks)} instructions are in {', '.join(report.benchmarks)} too, or nearly."


def _cells(found: Spread | None) -> tuple[str, ...]:
    if found is None:
        return ("0", "–", "–", "–", "–")
    return (str(found.n), *(f"{value:.4g}" for value in (found.mean, found.p5, found.median, found.p95)))


def _usual(found: Spread | None) -> tuple[str, str]:
    if found is None or found.usual is None or found.share_usual is None:
        return ("–", "–")
    low, high = found.usual
    return (f"{low:g} to {high:g}", f"{found.share_usual:.0%}")


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    yield "| " + " | ".join(head) + " |"
    yield "|" + "---|" * len(head)
    yield from ("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows)
