"""What can be said about a dataset without reading it: lengths, diversity, coverage, repetition, leakage, safety."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import combinations
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from data_gen.contrast import sibling_groups
from data_gen.figures import Coverage, Sample, Spread, coverage, likeness_of, likeness_within, spread
from data_gen.floors import Floor, floors
from data_gen.hierarchy import Hierarchy
from data_gen.leakage import Leak, LeakSearch
from data_gen.near_duplicates import NearDuplicates
from data_gen.preferences import DIMENSIONS, Dimension
from data_gen.records import GrownRecord
from data_gen.safety import UNSAFE_FROM, WORD_LIST, Scorer

USUAL: dict[str, tuple[float, float]] = {
    "description words": (46, 60),
    "keyword words": (1, 8),
    "system words": (120, 170),
    "system characters": (682, 1370),
    "prompt characters": (25, 18_600),
    "output characters": (1, 18_700),
}
"""As measured on the paper's public rows: four descriptions, five system messages, the page, Multifaceted Bench."""

_SAMPLE = 1_000
_LISTED = 100


class QualityReport(BaseModel):
    """Figures about one dataset. ROUGE-L is 1 for equal texts; `None` stands where there was nothing to measure."""

    model_config = ConfigDict(frozen=True)

    rows: int
    instructions: int
    lengths: dict[str, Spread | None]
    rouge_l_descriptions: dict[Dimension, Spread | None]
    rouge_l_sibling_answers: Spread | None
    coverage: dict[Dimension, Coverage]
    near_duplicate_prompts: int
    near_duplicate_system_messages: int
    findings: dict[str, int]
    cut_off_answers: int
    unsafe_rows: int
    unsafe_instruction_ids: tuple[str, ...]
    safety_scorer: str
    leaks: tuple[Leak, ...]
    benchmarks: tuple[str, ...]
    floors: tuple[Floor, ...]


def report_on(
    records: Iterable[GrownRecord], hierarchy: Hierarchy, benchmarks: Sequence[Path] = (), scorer: Scorer = WORD_LIST
) -> QualityReport:
    """Measure a dataset, reading it once; what is compared in pairs is compared on a sample, always the same."""
    seen, leaks = _Seen(), LeakSearch(benchmarks)
    leaked: list[Leak] = []
    for siblings in sibling_groups(records):
        seen.take(siblings)
        leak = leaks.find(siblings[0].instruction_id or "", siblings[0].prompt)
        leaked += [leak] if leak is not None else []
    descriptions = {name: likeness_within(sample.kept) for name, sample in seen.descriptions.items()}
    sibling_answers = likeness_of(seen.sibling_answers.kept)
    coverages = {name: coverage(seen.subdimensions[name], hierarchy, name) for name in DIMENSIONS}
    return QualityReport(
        rows=seen.rows,
        instructions=len(seen.prompts),
        lengths={name: spread(values, USUAL[name]) for name, values in seen.lengths.items()},
        rouge_l_descriptions=descriptions,
        rouge_l_sibling_answers=sibling_answers,
        coverage=coverages,
        near_duplicate_prompts=len(seen.prompts.find()),
        near_duplicate_system_messages=len(seen.system_messages.find()),
        findings=dict(sorted(seen.findings.items(), key=lambda one: (-one[1], one[0]))),
        cut_off_answers=seen.cut_off_answers,
        unsafe_rows=seen.unsafe_rows,
        unsafe_instruction_ids=tuple(seen.unsafe_ids)[:_LISTED],
        safety_scorer=scorer.name,
        leaks=tuple(leaked),
        benchmarks=tuple(path.name for path in benchmarks),
        floors=tuple(floors(seen.rows, coverages, descriptions, sibling_answers)),
    )


class _Seen:
    """All that is remembered of the rows; apart from counts and signatures, samples."""

    def __init__(self) -> None:
        self.rows = 0
        self.lengths = {name: array("q") for name in USUAL}
        self.descriptions: dict[Dimension, Sample[str]] = {name: Sample(_SAMPLE) for name in DIMENSIONS}
        self.sibling_answers: Sample[tuple[str, str]] = Sample(_SAMPLE)
        self.subdimensions: dict[Dimension, Counter[str]] = {name: Counter() for name in DIMENSIONS}
        self.prompts, self.system_messages = NearDuplicates(), NearDuplicates()
        self.findings: Counter[str] = Counter()
        self.cut_off_answers = self.unsafe_rows = 0
        self.unsafe_ids: dict[str, None] = {}

    def take(self, siblings: Sequence[GrownRecord]) -> None:
        self.prompts.add(siblings[0].prompt)
        for one, other in combinations(siblings, 2):
            self.sibling_answers.offer((one.output, other.output))
        for record in siblings:
            self._take(record)

    def _take(self, record: GrownRecord) -> None:
        self.rows += 1
        self.system_messages.add(record.system)
        for preference in record.preference_set.root:
            self.lengths["description words"].append(len(preference.description.split()))
            self.lengths["keyword words"].append(len(preference.preference.split()))
            self.descriptions[preference.dimension].offer(preference.description)
            self.subdimensions[preference.dimension][preference.subdimension] += 1
        self.lengths["system words"].append(len(record.system.split()))
        self.lengths["system characters"].append(len(record.system))
        self.lengths["prompt characters"].append(len(record.prompt))
        self.lengths["output characters"].append(len(record.output))
        # Figures inside a finding differ from row to row; its kind does not.
        self.findings.update({_kind(finding) for finding in record.findings})
        self.cut_off_answers += record.finish_reason == "length"
        if record.unsafe_score >= UNSAFE_FROM:
            self.unsafe_rows += 1
            self.unsafe_ids[record.instruction_id or ""] = None


def _kind(finding: str) -> str:
    return finding.partition(" has ")[0] + " of unusual length" if " words, " in finding else finding
