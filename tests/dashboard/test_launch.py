import json
import socket
from pathlib import Path

import pytest

from curation.errors import WorkspaceError
from dashboard import launch


def test_the_server_listens_on_this_machine_only_and_reports_to_nobody(built: Path):
    command = launch.command(built, 8600)
    assert "--server.address=127.0.0.1" in command
    assert "--browser.gatherUsageStats=false" in command
    assert "--client.showErrorDetails=none" in command
    assert "--server.port=8600" in command


def test_a_colour_list_is_written_as_streamlit_reads_it(built: Path):
    flags = dict(f.removeprefix("--").split("=", 1) for f in launch.command(built, 1) if f.startswith("--"))
    assert json.loads(flags["theme.light.chartCategoricalColors"])[0] == "#0F766E"


def test_a_later_flag_of_the_caller_wins(built: Path):
    assert launch.command(built, 1, extra=["--server.enableAgentApi=true"])[-1] == "--server.enableAgentApi=true"


def test_a_folder_without_a_task_is_refused_before_a_server_starts(tmp_path: Path):
    with pytest.raises(WorkspaceError, match="stillhouse init"):
        launch.command(tmp_path, 8600)


def test_a_port_that_is_taken_is_said_in_one_line(built: Path):
    with socket.socket() as holder:
        holder.bind((launch.HOST, 0))
        holder.listen()
        port = holder.getsockname()[1]
        with pytest.raises(WorkspaceError, match=f"is port {port} free"):
            launch.serve(built, port)


def test_the_workspace_and_the_role_travel_in_the_environment(built: Path):
    assert launch.environment(built, base={"A": "1"}) == {
        "A": "1",
        "STILLHOUSE_WORKSPACE": str(built),
        "STILLHOUSE_ROLE": "all",
        "STILLHOUSE_ACCESS": "local",
        "STILLHOUSE_HOST": "",
        "STILLHOUSE_BIND": "",
    }
    assert launch.environment(built, reviewer=True, base={})["STILLHOUSE_ROLE"] == "reviewer"
