"""One static page on which people rate items, and the CSV files that it writes.

The page holds everything, pictures included: it loads nothing, depends on nothing, and its content-security policy
forbids it to send anything. What a model wrote reaches the page as text only.
"""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from baselines.adamllm.ledger import key_of
from baselines.adamllm.quality import ASPECTS, Item, Rating
from foodbench.core.errors import FoodbenchError, UsageError
from foodbench.core.files import atomic_write
from foodbench.core.printable import printable
from foodbench.core.types import ImageSource
from foodbench.core.wording import counted

HERE = Path(__file__).resolve().parent
_SIDE = 512
_HEADER = ["page", "item", "rater", *(aspect.name for aspect in ASPECTS)]
_LONGEST_NAME = 80


def page_digest(items: Sequence[Item]) -> str:
    """Identity of a page: which items are on it."""
    return key_of("page", sorted(item.item_id for item in items))[:12]


def write_page(path: Path, items: Sequence[Item]) -> None:
    """Write the page.

    Args:
        path: the file.
        items: in the order in which they are shown.

    Raises:
        UsageError: there are no items, or two with one id.
        StorageFull: it cannot be written.
    """
    if not items or len({item.item_id for item in items}) != len(items):
        raise UsageError("A rating page needs items, each once.", hint="Draw them with quality.draw_items.")
    data = {
        "digest": page_digest(items),
        "aspects": [asdict(aspect) for aspect in ASPECTS],
        "items": [
            {
                "id": item.item_id,
                "kind": item.kind,
                "picture": _picture(item.image),
                "texts": [[heading, printable(text, keep_lines=True)] for heading, text in item.texts],
            }
            for item in items
        ],
    }
    parts = {name: (HERE / f"rating_page.{name}").read_text(encoding="utf-8") for name in ("html", "css", "js")}
    policy = f"default-src 'none'; img-src data:; style-src {_hash(parts['css'])}; script-src {_hash(parts['js'])}"
    # In a script element nothing but "<" can end it; U+2028 is escaped by ensure_ascii.
    written = json.dumps(data, ensure_ascii=True).replace("<", "\\u003c")
    page = parts["html"].replace("@POLICY@", policy).replace("@STYLE@", parts["css"])
    before, after = page.split("@DATA@")
    atomic_write(path, before + written + after.replace("@SCRIPT@", parts["js"]))


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _picture(image: ImageSource) -> str:
    """A small JPEG as a `data:` URL; empty if the picture cannot be read."""
    try:
        picture = image.open()
    except FoodbenchError:
        return ""
    picture.thumbnail((_SIDE, _SIDE))
    buffer = io.BytesIO()
    picture.save(buffer, format="JPEG", quality=85)
    return f"data:image/jpeg;base64,{base64.b64encode(buffer.getvalue()).decode()}"


def read_csv(path: Path, items: Sequence[Item]) -> list[Rating]:
    """The ratings in a CSV file that the page wrote, perhaps saved again by a spreadsheet program.

    All of it or nothing: a file of another page or with a wrong choice is refused.

    Raises:
        UsageError: it cannot be read, is of another page, names unknown items or one twice, has no rater, or a choice
            that does not exist.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"Cannot read {path} as UTF-8 text.", hint="Use the file that the page saved.") from error
    first = text.splitlines()[0] if text else ""
    delimiter = ";" if first.count(";") > first.count(",") else ","
    try:
        rows = [row for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True) if any(row)]
    except csv.Error as error:
        raise UsageError(f"{path} is not valid CSV ({error}).", hint="Use the file that the page saved.") from error
    if not rows or [name.strip().lower() for name in rows[0]] != _HEADER:
        raise UsageError(f"{path}, line 1: these are not the page's columns.", hint="Use the file that the page saved.")
    kinds = {item.item_id: item.kind for item in items}
    page = page_digest(items)
    ratings = [_rating(f"{path}, row {number}", row, kinds, page) for number, row in enumerate(rows[1:], start=2)]
    twice = len(ratings) - len({(rating.item_id, rating.rater) for rating in ratings})
    if twice:
        raise UsageError(f"{path}: {counted(twice, 'item')} rated twice by the same person.", hint="Keep one of them.")
    return [rating for rating in ratings if rating.choices]


def _rating(where: str, row: Sequence[str], kinds: Mapping[str, str], page: str) -> Rating:
    cells = [cell.strip().removeprefix("'") for cell in row]
    if len(cells) != len(_HEADER):
        raise UsageError(f"{where}: {counted(len(cells), 'cell')} under {len(_HEADER)} headings.", hint="Mend the row.")
    digest, item_id, rater, *chosen = cells
    if digest != page:
        raise UsageError(f"{where}: the rating is of another page.", hint="Give the items that the page was made from.")
    if item_id not in kinds:
        raise UsageError(f"{where}: there is no item '{printable(item_id, limit=40)}'.", hint="Take the row out.")
    if not rater or len(rater) > _LONGEST_NAME or not rater.isprintable():
        raise UsageError(f"{where}: the rater has no proper name.", hint="Fill in the column 'rater'.")
    choices: dict[str, str] = {}
    for aspect, choice in zip(ASPECTS, chosen, strict=True):
        if not choice:
            continue
        if aspect.kind != kinds[item_id] or choice not in aspect.choices:
            raise UsageError(
                f"{where}: '{printable(choice, limit=40)}' is no choice of {aspect.name}.",
                hint="Correct it, or leave the cell empty; nothing was read in.",
            )
        choices[aspect.name] = choice
    return Rating(item_id, rater, choices)
