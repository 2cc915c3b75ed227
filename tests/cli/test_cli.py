"""The frame around the commands: help, errors, exit codes, what is imported."""

from __future__ import annotations

import subprocess
import sys

import pytest

from edgerun import cli as package


def test_help_lists_every_command_and_the_exit_codes(run):
    result = run("--help")
    assert result.exit_code == 0
    for name, sentence in package._COMMANDS.items():
        assert f"  {name} " in result.output
        assert sentence in result.output
    assert "Exit codes:" in result.output


@pytest.mark.parametrize("name", sorted(package._COMMANDS))
def test_every_command_has_help(run, name):
    result = run(name, "--help")
    assert result.exit_code == 0
    assert f"Usage: cli {name}" in result.output


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (["run", "none.tflite", "none.jpg"], 1, "edgerun: There is no file or folder 'none.jpg'."),
        (["bench", "none.tflite"], 1, "There is no file or folder 'none.tflite'."),
        (["run"], 2, "Missing argument 'MODEL'"),
        (["dance"], 2, "No such command 'dance'"),
        (["serve", "--camera", "x.mp4", "--model", "NET", "--port", "0"], 3, "file 'x.mp4'"),
        (["serve", "--camera", "0", "--model", "NET", "--host", "0.0.0.0"], 4, "--insecure"),
        (["run", "NET", "PICTURES", "--labels", "none.txt"], 4, "none.txt: the labels cannot"),
        (["bench", "NET", "--against", "openvino"], 1, "openvino does not run here"),
        (["bench", "NET", "--against", "onnxruntime"], 1, "bench compares .tflite files with litert."),
        (["bench", "NET", "--against", "abacus"], 1, "--against knows litert and onnxruntime, got"),
    ],
)
def test_errors_are_one_sentence_with_their_exit_code(run, net, pictures, words, code, sentence):
    places = {"NET": net, "PICTURES": pictures}
    result = run(*(places.get(word, word) for word in words))
    assert result.exit_code == code
    assert sentence in result.stderr
    assert "Traceback" not in result.stderr


def test_debug_shows_the_traceback(run, pictures):
    result = run("--debug", "run", "none.tflite", pictures / "noon.png")
    assert type(result.exception).__name__ == "InputError"


def test_a_file_that_cannot_be_written_is_one_sentence(run, net, pictures, tmp_path):
    (tmp_path / "file").write_text("")
    result = run("run", net, pictures, "--save", tmp_path / "file" / "below")
    assert result.exit_code == 1
    assert "edgerun: " in result.stderr


def test_an_interrupt_ends_with_130(run, net, monkeypatch):
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("edgerun.session.Session.summary", interrupted)
    assert run("inspect", net).exit_code == 130


def test_the_command_line_is_light_until_a_command_needs_more():
    code = (
        "import sys, edgerun.cli; heavy = {'cv2', 'starlette', 'uvicorn', 'onnx', 'numpy', "
        "'prometheus_client'} & set(sys.modules); sys.exit(', '.join(sorted(heavy)) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_python_m_edgerun_is_the_command_line():
    done = subprocess.run(
        [sys.executable, "-m", "edgerun", "run"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "Usage: edgerun run" in done.stderr
