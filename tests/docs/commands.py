"""The commands that the documentation shows: found, and split as a shell would.

What counts: lines of fenced shell blocks (no language, `sh`, `bash`, `console`), and code within a sentence, that begin
with one of `PROGRAMS`. In blocks without language everything else is output; in shell blocks it is an error.
"""

from __future__ import annotations

import itertools
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.conftest import REPOSITORY

FOREIGN = ("pip", "git", "tar", "cat", "set", "export", ".")
"""Programs that are not this project's, nor built on by it."""
PROGRAMS = ("foodbench", "make", "python", "python3", "lmms-eval", "torchrun", "accelerate", *FOREIGN)
SHELLS = ("sh", "bash", "shell")
_FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
_INLINE = re.compile(r"(?<!`)`([^`]+)`(?!`)")
_VARIABLE = re.compile(r"^([A-Za-z_]+)=(\"[^\"]*\"|'[^']*'|\$\([^)]*\)|\S*)$")
_OUTPUT = re.compile(r"^foodbench (\w+:|\d)")
"""Lines that foodbench prints, and that begin with its name."""


@dataclass(frozen=True, slots=True)
class Command:
    """One command of a page.

    Attributes:
        page: relative to the repository.
        line: where it is, from 1.
        words: as the shell would split it; without variables before it, redirections, and `[...]` of optional parts.
        variables: assignments before it.
        inline: whether it stands within a sentence, where it may be a mere mention.
        shortened: whether something is left out (`...`), or everything optional put in.
    """

    page: str
    line: int
    words: tuple[str, ...]
    variables: tuple[tuple[str, str], ...] = ()
    inline: bool = False
    shortened: bool = False

    @property
    def text(self) -> str:
        """In one line."""
        return shlex.join(self.words)

    def __str__(self) -> str:
        return f"{self.page}:{self.line} {self.text}"


def pages() -> list[Path]:
    """All pages whose commands are tested."""
    patterns = ("README.md", "CONTRIBUTING.md", "docs/*.md", "baselines/*/README.md", "reports/README.md")
    return [path for pattern in patterns for path in sorted(REPOSITORY.glob(pattern))]


def documented() -> list[Command]:
    """The commands of all pages; each once per page."""
    found: dict[tuple[object, ...], Command] = {}
    for page in pages():
        name = page.relative_to(REPOSITORY).as_posix()
        for command in commands_of(name, page.read_text(encoding="utf-8")):
            found.setdefault((name, command.words, command.variables), command)
    return list(found.values())


def commands_of(page: str, text: str) -> Iterator[Command]:
    """The commands of one page."""
    for match in _FENCE.finditer(text):
        if match[1] in ("", "console", *SHELLS):
            yield from _of_block(page, text.count("\n", 0, match.start(2)) + 1, match[1], match[2])
    prose = _FENCE.sub(lambda match: "\n" * match[0].count("\n"), text)
    for match in _INLINE.finditer(prose):
        code = " ".join(match[1].replace("\\|", "|").split())
        if code.startswith(tuple(f"{program} " for program in PROGRAMS)) and not _OUTPUT.match(code):
            yield from _of_line(page, prose.count("\n", 0, match.start()) + 1, code, {}, inline=True)


def _of_block(page: str, first: int, language: str, text: str) -> Iterator[Command]:
    known: dict[str, str] = {}
    lines = iter(enumerate(text.splitlines(), start=first))
    for number, line in lines:
        while line.endswith("\\"):
            line = f"{line[:-1].rstrip()} {next(lines)[1].strip()}"
        if language == "console" and not line.startswith("$ "):
            continue
        line = _without_description(line.removeprefix("$ "))
        if assignment := _VARIABLE.match(line):
            known[assignment[1]] = assignment[2].strip("\"'")
            continue  # what a command prints stays a variable
        for name, value in known.items():
            if value.startswith("$("):
                continue
            line = line.replace(f"${name}", value)
        if _is_command(line):
            yield from _of_line(page, number, line, known, inline=False)
        elif line and language in (*SHELLS, "console"):
            raise AssertionError(f"{page}:{number}: what program is this? {line}")


def _without_description(line: str) -> str:
    """Without comment, or explanation set off by spaces."""
    if line.startswith((" ", "#")):
        return ""
    return re.split(r"\s+#\s|\s{2,}", line, maxsplit=1)[0].strip()


def _is_command(line: str) -> bool:
    words = [word for word in line.split() if not _VARIABLE.match(word)]
    return bool(words) and words[0] in PROGRAMS and not _OUTPUT.match(line)


def _of_line(page: str, number: int, line: str, known: dict[str, str], *, inline: bool) -> Iterator[Command]:
    parts = [(part, False) for part in re.split(r"\s(?:&&|;)\s", line)]
    if " [-" in line:  # a synopsis: without its optional parts, and with all of them
        parts = [(re.sub(r" \[[^]]*\]", "", line), False), (re.sub(r"[][]", "", line), True)]
    for part, synopsis in parts:
        words = shlex.split(re.sub(r"(--model) \.\.\.", r"\1 MODEL", part))
        variables = tuple(itertools.takewhile(lambda word: _VARIABLE.match(word), words))
        words = words[len(variables) :]
        for sign in ("|", ">"):
            words = words[: words.index(sign)] if sign in words else words
        shortened = "..." in words
        kept = [word for word in words if word != "..."]
        for chosen in itertools.product(*(_alternatives(word) for word in kept)):
            pairs = tuple((name, value) for name, _, value in (word.partition("=") for word in variables))
            yield Command(page, number, tuple(chosen), pairs, inline, shortened or synopsis)


def _alternatives(word: str) -> list[str]:
    """`csv|md` is two words to choose from, and so is `FILE.svg|pdf`."""
    if not re.fullmatch(r"[\w.-]+(\|[\w-]+)+", word):
        return [word]
    first, *others = word.split("|")
    stem = first.rpartition(".")[0]
    return [first, *(f"{stem}.{other}" if stem else other for other in others)]
