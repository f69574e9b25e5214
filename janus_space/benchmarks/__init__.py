"""Benchmarks: each is one file with one `Bench`, listed in `table.py`; what they share is in `bench.py`.

    bench.py     Bench, Means, Report: what a benchmark is, what it is given, what it gives back
    answers.py   models' answers to its questions, each asked once and kept
    table.py     all of them by name

A benchmark never opens a model, a ledger or a budget itself: it asks `Means` for who answers. So whatever it asks is
paid for once, survives a kill, and can be stopped.
"""
