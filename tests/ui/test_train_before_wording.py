from __future__ import annotations

import re

from janus_space.devices import Gpu, Machine
from janus_space.remedies import Remedy
from janus_space.ui.train_before_wording import devices, estimated
from trainer.estimate import Estimate, Measured


def words(html: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", html).split())


def test_gpus_and_the_cpu_each_have_a_line() -> None:
    machine = Machine(64.0, 40.0, (Gpu(0, "H200", 140.0, 120.0), Gpu(1, "H200", 140.0, 3.0)))
    told = words(devices(machine, {"cuda:1": "my-run"}))
    assert told == (
        "GPU 0: H200 120 of 140 GiB free free GPU 1: H200 3 of 140 GiB free busy with my-run CPU 40 of 64 GiB free free"
    )


def test_what_fits_is_told_in_figures() -> None:
    found = Estimate(Measured(True, 1.25, 2.5, 900.0, 1200, 0.8333), 16.0, {}, None, "…")
    told = words(estimated(found, []))
    assert told.startswith("It fits. Time about 50 min Steps 1,200, each 2.50 s Memory 1.2 of 16.0 GiB at most")
    assert "long-run is at work on the same device" in words(estimated(found, [], "long-run"))


def test_what_does_not_fit_comes_with_a_button_a_way() -> None:
    cured = Measured(True, 9.0, 1.0, 900.0, 3600, 1.0)
    found = Estimate(Measured(fits=False), 16.0, {"tuning": "qlora"}, cured, "…")
    html = estimated(found, [Remedy({"tuning": "qlora"}, "4-bit weights", True), Remedy({"max_length": 8}, "<short>")])
    assert re.findall(r"data-key='(\d)'>([^<]*)<", html) == [("0", "Use 4-bit weights"), ("1", "Use &lt;short&gt;")]
    assert "measured: 9.0 GiB, about 1 h 00 min" in html
    assert "not measured yet" in html
    assert "Choose a smaller model" in estimated(found._replace(cure={}, cured=None), [])
