"""Opening the page: what is refused with one sentence, and what the running process is and is not."""

from __future__ import annotations

import errno
import os
import socket
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from janus_space.door import Door
from janus_space.ui import launch
from tests.running_app import ROOT, RunningApp, running_app


def refusal(*arguments: str, **environment: str) -> str:
    """Start the app so that it must refuse; return the one sentence it says."""
    outcome = subprocess.run(
        [sys.executable, "app.py", *arguments],
        cwd=ROOT,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert outcome.returncode == 2
    assert outcome.stdout == ""
    assert outcome.stderr.count("\n") == 1, outcome.stderr
    return outcome.stderr


def test_a_taken_port_is_named(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert f"Port {port}" in refusal("--port", str(port), "--home", str(tmp_path))


@pytest.mark.parametrize("port", ["99999", "-1"])
def test_an_impossible_port_is_named(tmp_path: Path, port: str) -> None:
    assert f"Port {port}" in refusal("--port", port, "--home", str(tmp_path))


def test_a_home_that_is_a_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("")
    assert "not a folder" in refusal("--port", "0", "--home", str(tmp_path / "home"))


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.7", "::", "example.org"])
def test_only_this_machine_may_come_in(tmp_path: Path, host: str) -> None:
    assert host in refusal("--host", host, "--port", "0", "--home", str(tmp_path))


def test_a_model_that_does_not_exist_is_named(tmp_path: Path) -> None:
    assert "nonsense" in refusal("--model", "nonsense", "--port", "0", "--home", str(tmp_path))


def test_what_visitors_may_do_is_said_only_where_a_token_tells_them_from_the_owner(tmp_path: Path) -> None:
    assert "--launch-token" in refusal("--visitors", "--port", "0", "--home", str(tmp_path))
    assert "--launch-token" in refusal("--api", "--port", "0", "--home", str(tmp_path))


def test_beyond_loopback_there_is_a_token_or_a_space_in_front() -> None:
    with pytest.raises(launch.CannotOpen):
        launch.door_of(launch.Wishes(host="0.0.0.0"), {})
    with_token = launch.door_of(launch.Wishes(host="0.0.0.0", launch_token=True), {})
    assert with_token.token is not None
    assert not with_token.takes_visitors
    space = launch.door_of(launch.Wishes(), {"SPACE_ID": "me/space", "SPACE_HOST": "me-space.hf.space"})
    assert space.space is not None
    assert not space.answers_api
    assert not space.can_have_owner
    assert not space.has_tools
    assert launch.door_of(launch.Wishes(), {"SPACE_ID": "me/space", "JANUS_API": "1"}).answers_api
    assert launch.door_of(launch.Wishes(), {"SPACE_ID": "me/space", "JANUS_MCP": "1"}).has_tools


def test_on_loopback_there_is_the_owner_alone() -> None:
    door = launch.door_of(launch.Wishes(), {})
    assert (door.space, door.token, door.has_strangers, door.has_tools) == (None, None, False, False)
    assert launch.door_of(launch.Wishes(mcp=True), {}).has_tools
    assert not launch.door_of(launch.Wishes(), {"JANUS_MCP": "1"}).has_tools, "only a Space has no arguments"


def test_gradio_takes_nothing_from_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("GRADIO_SHARE", "GRADIO_SERVER_NAME", "GRADIO_ANYTHING_NEW", "FORWARDED_ALLOW_IPS"):
        monkeypatch.setenv(name, "True")
    launch.clean_environment(tmp_path)
    kept = {name: value for name, value in os.environ.items() if name.startswith(("GRADIO_", "FORWARDED"))}
    assert kept == {
        "GRADIO_ANALYTICS_ENABLED": "False",
        "GRADIO_ANALYTICS_CACHE_FREQUENCY": str(2**31),
        "GRADIO_TEMP_DIR": str(tmp_path),
    }


def test_every_launch_setting_that_matters_is_said_out_loud(tmp_path: Path) -> None:
    settings = launch.launch_settings("127.0.0.1", 7860, tmp_path, Door())
    expected = {
        "server_name": "127.0.0.1",
        "share": False,
        "show_error": False,
        "max_threads": 256,
        "max_file_size": "50mb",
        "allowed_paths": [],
        "strict_cors": True,
        "enable_monitoring": False,
        "run_history": False,
        "mcp_server": False,
        "pwa": False,
        "ssr_mode": False,
        "footer_links": ["gradio"],
        "state_session_capacity": 1000,
    }
    assert {name: settings[name] for name in expected} == expected
    assert str(tmp_path) in settings["blocked_paths"]
    assert str(Path.home()) in settings["blocked_paths"]
    assert launch.QUEUE_SETTINGS == {
        "max_size": 200,
        "status_update_rate": 10,
        "default_concurrency_limit": 8,
        "api_open": False,
    }


@pytest.fixture(scope="module")
def misled(tmp_path_factory: pytest.TempPathFactory) -> RunningApp:
    """Start the app in an environment that asks Gradio to open itself to the world."""
    environment = {"GRADIO_SHARE": "True", "GRADIO_SERVER_NAME": "0.0.0.0", "GRADIO_MCP_SERVER": "True"}
    environment |= {"JANUS_MCP": "1", "SPACES_ZERO_GPU": "1"}  # the one is for Spaces; the other needs a package
    with running_app(tmp_path_factory.mktemp("home"), environment=environment) as running:
        yield running


def test_it_listens_on_loopback_only_whatever_the_environment_says(misled: RunningApp) -> None:
    port = urlsplit(misled.url).port
    assert urlsplit(misled.url).hostname == "127.0.0.1"
    elsewhere = other_address()
    if elsewhere is None:
        pytest.skip("this machine has no address but loopback")
    with socket.socket() as probe:
        assert probe.connect_ex((elsewhere, port)) == errno.ECONNREFUSED


@pytest.mark.parametrize("path", ["/gradio_api/mcp", "/gradio_api/mcp/", "/gradio_api/mcp/sse", "/mcp"])
def test_without_the_owners_choice_there_are_no_tools(misled: RunningApp, path: str) -> None:
    asked = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}
    headers = {"Accept": "application/json, text/event-stream"}
    assert httpx.post(f"{misled.url}{path}", json=asked, headers=headers).status_code == 404


def test_it_ends_in_good_order_when_it_is_told_to(tmp_path: Path) -> None:
    (tmp_path / "scratch").mkdir()
    with running_app(tmp_path / "home", environment={"TMPDIR": str(tmp_path / "scratch")}) as app:
        assert len(list((tmp_path / "scratch").iterdir())) == 1
        app.process.terminate()
        assert app.process.wait(10) == 0
    assert list((tmp_path / "scratch").iterdir()) == []


def other_address() -> str | None:
    """Find an address of this machine that is not loopback; connecting a datagram socket sends nothing."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            return None
        return str(probe.getsockname()[0])


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="only Linux shows what a process has loaded")
def test_the_page_has_not_loaded_torch(misled: RunningApp) -> None:
    loaded = Path(f"/proc/{misled.process.pid}/maps").read_text("utf-8")
    assert "pydantic_core" in loaded
    assert "libtorch" not in loaded
