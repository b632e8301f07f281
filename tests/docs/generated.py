"""`python -m tests.docs.generated` writes the generated pages of the documentation anew."""

from __future__ import annotations

from foodbench.core.files import atomic_write
from tests.conftest import REPOSITORY
from tests.docs import dataset_sections, metric_reference

PAGES = {
    "docs/reference/metrics.md": metric_reference.page,
    "docs/your-data.md": dataset_sections.page,
}


def main() -> None:
    """Write them."""
    for name, page in PAGES.items():
        atomic_write(REPOSITORY / name, page())


if __name__ == "__main__":
    main()
