"""The first thing that is wrong with a file, as pydantic finds it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydantic import ValidationError
    from pydantic_core import ErrorDetails


def first_fault(error: ValidationError, whole: str = "top level") -> str:
    """The place of the first fault and what is wrong there: `tasks.0.name: Field required`."""
    return told(error.errors()[0], whole)


def told(fault: ErrorDetails, whole: str = "top level") -> str:
    """A fault's place and what is wrong there."""
    return f"{place_of(fault, whole)}: {fault['msg']}"


def place_of(fault: ErrorDetails, whole: str = "top level") -> str:
    """The keys that lead to a fault; `whole` where it is none of them."""
    return ".".join(map(str, fault["loc"])) or whole
