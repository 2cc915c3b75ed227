"""The command line: one file for each command, imported when it is called."""

from __future__ import annotations

import importlib
import logging
import os
from typing import Any

import click

from edgerun.errors import CameraError, ConfigError, EdgerunError

_COMMANDS = {
    "bench": "Time a model, side by side with other engines.",
    "cache": "Empty the folder of plans that make the next start fast.",
    "cameras": "List the cameras of this machine.",
    "compile": "Write a model's plan to one file.",
    "compare": "Compare a model with another runtime, layer by layer.",
    "doctor": "Look over this machine and say what to do.",
    "fingerprint": "Print a hash of a model's answers, equal on every machine.",
    "inspect": "Show what a model is and what becomes of it.",
    "profile": "Time every step of a model.",
    "run": "Say what is in a picture, a video or a folder of pictures.",
    "serve": "Run a model on cameras, live in the browser.",
}

_EPILOG = """
\b
Exit codes:
  0    done
  1    a model or an input that cannot be used, or a file that cannot be read or written
  2    wrong use of the command line
  3    a camera or video that cannot be opened, or that failed
  4    a wrong configuration: labels, model card, port, a missing library, an environment variable
  130  interrupted
"""


class _Failure(click.ClickException):
    """An error in one sentence, without a traceback."""

    exit_code = 1

    def show(self, file: Any = None) -> None:
        click.echo(f"edgerun: {self.message}", err=True, file=file)


class _CameraFailure(_Failure):
    exit_code = 3


class _ConfigFailure(_Failure):
    exit_code = 4


class _Commands(click.Group):
    """Commands by name; a module is imported only when its command is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        command = importlib.import_module(f"edgerun.cli.{cmd_name}").command
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, _COMMANDS[name]) for name in self.list_commands(ctx)])

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            ctx.exit(130)
        except BrokenPipeError:
            raise
        except (EdgerunError, OSError) as error:
            if ctx.params["debug"]:
                raise
            raise _failure(error) from error


@click.group(
    cls=_Commands,
    epilog=_EPILOG,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.option("--debug", is_flag=True, help="Show tracebacks and everything that is logged.")
@click.version_option(package_name="edgerun", message="%(prog)s %(version)s")
def cli(debug: bool) -> None:
    """Run int8 vision models on the CPU you already have, from camera to event."""
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("edgerun: %(message)s"))
    logger = logging.getLogger("edgerun")
    logger.handlers[:] = [handler]
    logger.setLevel(logging.DEBUG if debug else logging.INFO)
    if not debug:
        # What OpenCV and FFmpeg say of a bad file or camera is said here, in one sentence.
        os.environ.setdefault("OPENCV_LOG_LEVEL", "SILENT")
        os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")


def main() -> None:
    """The entry point of `edgerun` and `python -m edgerun`; ends the process with an exit code."""
    cli(prog_name="edgerun")


def _failure(error: EdgerunError | OSError) -> _Failure:
    if isinstance(error, CameraError):
        return _CameraFailure(str(error))
    if isinstance(error, ConfigError):
        return _ConfigFailure(str(error))
    if isinstance(error, OSError) and error.filename is not None and error.strerror:
        return _Failure(f"{error.filename}: {error.strerror}.")
    return _Failure(str(error))
