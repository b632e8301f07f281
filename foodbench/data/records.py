"""What the dataset readers return: frozen records that point at files and hold the annotations."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from foodbench.core.errors import DataCorrupt
from foodbench.core.types import Nutrition
from foodbench.data.images import ImageFile, orientation, with_image

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image

IGNORE_LABEL = 255
"""Pixel value that means "not annotated" in segmentation masks."""

ImageView = Literal["overhead", "side"]


@dataclass(frozen=True, slots=True)
class DishRecord:
    """One photo of Food-101.

    Attributes:
        image_id: `<class>/<number>`, e.g. `apple_pie/1005649`.
        label: the class name, e.g. `apple_pie`.
        image: the photo.
        split: `train` or `test`.
    """

    image_id: str
    label: str
    image: ImageFile
    split: str


@dataclass(frozen=True, slots=True)
class IngredientPortion:
    """One weighed ingredient of a Nutrition5k dish.

    Attributes:
        ingredient_id: number in the dataset's ingredient table (1..555 in the real one).
        name: name without surrounding blanks; taken from the table where the dish row leaves it empty.
        nutrition: kcal, and grams of mass, fat, carb, protein of this portion.
    """

    ingredient_id: int
    name: str
    nutrition: Nutrition


@dataclass(frozen=True, slots=True)
class NutritionRecord:
    """One dish of Nutrition5k.

    Attributes:
        dish_id: e.g. `dish_1561662216`.
        image: the picture, or None if this copy has none for the chosen view.
        total: the dish's totals (repaired where `notes` says so).
        portions: ingredients in the order of the file.
        split: name of the id list that it was read through; empty if none.
        cafe: `cafe1` or `cafe2`, the metadata file that it comes from.
        notes: what is unusual about the annotation, each as `code` or `code: detail`; codes are the `NOTE_*` constants
            of `foodbench.data.nutrition5k`.
        view: `overhead` or `side`: where the picture was taken from; None without a picture.
    """

    dish_id: str
    image: ImageFile | None
    total: Nutrition
    portions: tuple[IngredientPortion, ...]
    split: str
    cafe: str
    notes: tuple[str, ...]
    view: ImageView | None = None

    def has_note(self, code: str) -> bool:
        """Whether a note of that code is present."""
        return any(note.partition(":")[0] == code for note in self.notes)


@dataclass(frozen=True, slots=True)
class MaskFile:
    """A single-channel label image: the value of a pixel is a class id.

    Attributes:
        path: the file.
        max_id: the largest class id that exists.
    """

    path: Path
    max_id: int

    def read(self, ignore: int | None = IGNORE_LABEL) -> NDArray[np.uint8]:
        """The class ids as stored.

        Palette images are read by index: converting them to grey levels would turn ids into brightness.

        Args:
            ignore: the value that marks pixels without annotation; it is left in the array. None: no such value.

        Returns:
            uint8 array of shape (height, width).

        Raises:
            DataMissing: the file is absent.
            DataCorrupt: it cannot be decoded, has several channels, or holds a value that is no class id.
        """
        return with_image(self.path, lambda image: self._ids(image, ignore))

    def _ids(self, image: Image, ignore: int | None) -> NDArray[np.uint8]:
        import numpy as np

        if image.mode not in ("L", "P", "I", "I;16", "I;16B", "I;16L"):
            raise DataCorrupt(
                f"The mask {self.path} has pixels of mode {image.mode}; a mask must have one channel of class ids.",
                hint="This is a coloured preview or was saved again by an image editor: restore the original PNG.",
            )
        # One pass over the image: int64 would cost eight times the memory of a 30-megapixel mask.
        values = np.asarray(image)
        present = np.unique(values)
        known = (present >= 0) & (present <= self.max_id)
        if ignore is not None:
            known |= present == ignore
        if not bool(known.all()):
            bad = ", ".join(str(int(value)) for value in present[~known][:8])
            allowed = f"0..{self.max_id}" + ("" if ignore is None else f" or {ignore}")
            raise DataCorrupt(
                f"The mask {self.path} holds values that are no class ids: {bad} (allowed: {allowed}).",
                hint="Restore the original PNG; a mask that was resized smoothly or saved as 16 bit shows this.",
            )
        return np.array(values, dtype=np.uint8)

    def size(self) -> tuple[int, int]:
        """(width, height) in pixels, read from the header only.

        Raises:
            DataMissing: the file is absent.
            DataCorrupt: the header cannot be read.
        """
        return with_image(self.path, lambda image: image.size)


@dataclass(frozen=True, slots=True)
class SegmentationRecord:
    """One photo with a mask of class ids.

    Attributes:
        stem: file name without extension, e.g. `00004401`.
        image: the photo.
        mask: its label image.
        split: `train` or `test`.
    """

    stem: str
    image: ImageFile
    mask: MaskFile
    split: str

    def checked_mask(self, ignore: int | None = IGNORE_LABEL) -> NDArray[np.uint8]:
        """The mask, after making sure that it has the photo's size. It is never resized.

        Returns:
            uint8 array of shape (height, width).

        Raises:
            DataMissing: a file is absent.
            DataCorrupt: as `MaskFile.read`, or the sizes differ.
        """
        self.check_sizes()
        return self.mask.read(ignore)

    def check_sizes(self) -> None:
        """Compare the sizes in the two headers.

        Raises:
            DataMissing: a file is absent.
            DataCorrupt: the sizes differ; the message says so if they are each other's transpose.
        """
        width, height = self.image.size()
        mask_width, mask_height = self.mask.size()
        if (mask_width, mask_height) == (width, height):
            return
        sizes = f"{mask_width} x {mask_height} against {width} x {height} (width x height)"
        if (mask_width, mask_height) == (height, width):
            turned = orientation(self.image.path)
            exif = f" (EXIF orientation {turned})" if turned != 1 else ""
            raise DataCorrupt(
                f"The mask {self.mask.path} is transposed: {sizes}.",
                hint=f"The mask or the photo{exif} was turned after annotation: restore both from the archive.",
            )
        raise DataCorrupt(
            f"The mask {self.mask.path} does not fit its photo {self.image.path}: {sizes}.",
            hint="One of the two was resized, or they belong to different copies: restore both from the archive.",
        )
