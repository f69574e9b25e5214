"""Measure and print the performance tables: `make bench`. Exit code 1 if a bound is missed."""

from __future__ import annotations

import asyncio
import datetime
import os
import platform
import sys
from collections.abc import Callable

from tests.perf import engine_speed, load, teacher_speed, train_speed
from tests.perf.table import Line, as_markdown


def main() -> int:
    """Run every measurement, one after another, on an otherwise quiet machine."""
    lines = asyncio.run(_measure(lambda text: print(text, file=sys.stderr)))
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    print(f"{datetime.date.today()} · {platform.machine()}, {os.cpu_count()} cores · load average at the end {load}\n")
    print(as_markdown(lines))
    return 0 if all(line.is_kept for line in lines) else 1


async def _measure(say: Callable[[str], None]) -> list[Line]:
    parts = (load, engine_speed, teacher_speed, train_speed)
    return [line for part in parts for line in await part.measure(say)]


if __name__ == "__main__":
    sys.exit(main())
