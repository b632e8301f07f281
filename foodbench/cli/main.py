"""The `foodbench` command: a table of lazy verbs, and what happens to errors.

stdout is the result, stderr is progress and messages. A deliberate error prints two lines (what, and what to do) and
exits with its class's code; anything else is a bug: exit 70 and where the report was written.
"""

from __future__ import annotations

import errno
import importlib
import io
import os
import sys
import traceback
from typing import Any, NoReturn

import click

from foodbench import __version__
from foodbench.core.errors import ExitCode, FoodbenchError, UnknownName, UsageError
from foodbench.core.printable import printable

VERBS: dict[str, str] = {
    "run": "Measure a model on tasks; the same command continues an interrupted run.",
    "score": "Score stored answers again, or a file of predictions made elsewhere.",
    "judge": "Rate a run's answers by a judge model or by people (conversations).",
    "list": "List tasks, models, datasets or runs.",
    "show": "Show a task, a run, or one sample of a run with its masks.",
    "data": "Register, verify and make datasets.",
    "compare": "Compare two runs sample by sample: what changed, and how sure that is.",
    "gate": "Say whether a run may replace a baseline; for continuous integration.",
    "power": "Say how many samples a change needs to be seen, and what a task can see.",
    "diagnose": "Make good recipes wrong by known amounts: which metrics notice?",
    "table": "Rebuild a paper's table beside measured numbers, or check its arithmetic.",
    "export": "Write a run's results as CSV, JSON Lines, Markdown, LaTeX, figures, or for a model card.",
    "leaderboard": "Build, serve or check the static site of results.",
    "submit": "Check a run and write the folder that a pull request adds to the leaderboard.",
    "check": "Try an adapter on a few kitchen samples.",
    "schema": "Print the JSON Schema of a run's files.",
    "doctor": "Say what works on this machine, what does not, and what to do.",
    "version": "Print the version.",
}
"""Verb to one-line help: all that `--help` needs. A verb's code is `foodbench.cli.<verb>:command`."""


class LazyVerbs(click.Group):
    """A click group that imports a verb's module when the verb is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The verbs, in the order of the table."""
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a verb's command.

        Raises:
            UnknownName: no such verb.
        """
        if cmd_name not in VERBS:
            raise UnknownName.of("command", cmd_name, VERBS)
        command: click.Command = importlib.import_module(f"foodbench.cli.{cmd_name}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of verbs from the table, without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(VERBS.items()))


@click.group(
    cls=LazyVerbs,
    context_settings={
        "help_option_names": ["-h", "--help"],
        "auto_envvar_prefix": "FOODBENCH",
        "max_content_width": 100,
    },
)
@click.version_option(__version__, "-V", "--version", prog_name="foodbench", message="%(prog)s %(version)s")
def foodbench() -> None:
    """Benchmark and evaluation harness for food multimodal models.

    Start with `foodbench run --model foodlmm --tasks all`.
    """


def main() -> NoReturn:
    """Run the command line and exit."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal that is not UTF-8 shows "?" instead of failing
    sys.exit(run_command(sys.argv[1:]))


def run_command(arguments: list[str]) -> int:
    """Run the command line with these arguments.

    Returns:
        the exit code.
    """
    try:
        code = foodbench.main(args=arguments, prog_name="foodbench", standalone_mode=False)
        return int(code) if isinstance(code, int) else int(ExitCode.OK)
    except FoodbenchError as error:
        print_error(error)
        return int(error.exit_code)
    except click.exceptions.Exit as stop:
        return stop.exit_code
    except click.exceptions.NoArgsIsHelpError as asked:
        click.echo(asked.format_message())  # a command group without a command: what there is, and no error
        return int(ExitCode.OK)
    except click.ClickException as error:
        _print_usage_error(error)
        return int(ExitCode.USAGE)
    except (KeyboardInterrupt, click.Abort):
        click.echo("Interrupted. Answers so far are saved; the same command continues.", err=True)
        return int(ExitCode.INTERRUPTED)
    except BrokenPipeError:
        # The reader of our output (head, less) has left: not an error. Keep Python from flushing into it at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return int(ExitCode.OK)
    except Exception as error:
        if isinstance(error, OSError) and error.errno == errno.ENAMETOOLONG:
            print_error(UsageError("A path is too long for this system.", hint="Give a shorter one."))
            return int(ExitCode.USAGE)
        return _report_bug(error, arguments)


def print_error(error: FoodbenchError) -> None:
    """Print a deliberate error as its two lines. A setting that the environment made is named as such."""
    from foodbench.cli.environment import variables_behind

    variables = variables_behind(error)
    origin = f"This comes from the environment variable {' and '.join(variables)}." if variables else ""
    click.echo(f"error: {printable(error.message, limit=2000)}", err=True)
    if error.hint or origin:
        click.echo(f"hint: {printable(' '.join(filter(None, (origin, error.hint))))}", err=True)


def _print_usage_error(error: click.ClickException) -> None:
    from foodbench.cli.environment import origin_of

    context = getattr(error, "ctx", None)
    where = f"{context.command_path} --help" if context is not None else "foodbench --help"
    origin = origin_of(getattr(error, "param", None), context)
    message = " ".join(error.format_message().split())  # click lists choices on lines of their own
    click.echo(f"error: {printable(message)}", err=True)
    click.echo(f"hint: {f'The value comes from {origin}. ' if origin else ''}See {where}.", err=True)


def _report_bug(error: Exception, arguments: list[str]) -> int:
    from foodbench.core.files import atomic_write
    from foodbench.core.paths import home

    text = f"foodbench {__version__}\narguments: {arguments}\n\n{traceback.format_exc()}"
    path: Any = home() / "bug-report.txt"
    try:
        atomic_write(path, text)
    except FoodbenchError:
        click.echo(text, err=True)
        path = "above"
    click.echo(f"error: Internal error: {type(error).__name__}: {error}", err=True)
    click.echo(f"hint: This is a bug in foodbench. Please report it with the traceback ({path}).", err=True)
    return int(ExitCode.BUG)
