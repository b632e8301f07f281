"""What the dataset readers return: frozen records that point at files and hold the annotations."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

from foodbench.core.errors import DataCorrupt
from foodbench.core.hashing import fingerprint
from foodbench.core.types import Nutrition
from foodbench.data.images import ImageFile, Picture, with_image

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
    image: Picture
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
class IngredientsRecord:
    """One photo of VIREO Food-172.

    Attributes:
        image_id: `<folder>/<file stem>`, e.g. `1/4_41`.
        label: name of the dish.
        ingredients: names of the ingredients, in the order of the ingredient list.
        image: the photo.
        split: `train`, `val` or `test`.
    """

    image_id: str
    label: str
    ingredients: tuple[str, ...]
    image: ImageFile
    split: str


@dataclass(frozen=True, slots=True)
class RecipeRecord:
    """One recipe of Recipe1M with a photo.

    Attributes:
        recipe_id: ten hexadecimal digits.
        title: as the cook wrote it.
        ingredients: the lines of the ingredient list as they are written, quantities included.
        steps: the instructions, one step each.
        detected: the ingredients that the dataset's detector was sure of (`valid` in det_ingrs.json), in its spelling.
        classes: the ingredient classes of `detected`, sorted, each once, at most 20 (see `recipe1m_vocabulary`).
        image: the photo that is asked about: the recipe's first one; for training the first one that is there.
        image_ids: ids of all its photos, with their `.jpg`.
        split: `train`, `val` or `test`.
    """

    recipe_id: str
    title: str
    ingredients: tuple[str, ...]
    steps: tuple[str, ...]
    detected: tuple[str, ...]
    classes: tuple[str, ...]
    image: ImageFile
    image_ids: tuple[str, ...]
    split: str


@dataclass(frozen=True, slots=True)
class MaskFile:
    """A label image: the value of a pixel is a class id.

    Attributes:
        path: the file.
        max_id: the largest class id that exists.
        channel: `only`, a single-channel image; or `red`, the red channel of a colour image (UEC-FoodPix).
    """

    path: Path
    max_id: int
    channel: Literal["only", "red"] = "only"

    def read(self, ignore: int | None = IGNORE_LABEL) -> NDArray[np.uint8]:
        """The class ids as stored.

        Palette images are read by index: converting them to grey levels would turn ids into brightness. Of a colour
        image only the red channel is read; where it is 0 the class is 0, whatever green, blue and alpha say.

        Args:
            ignore: the value that marks pixels without annotation; it is left in the array. None: no such value.

        Returns:
            uint8 array of shape (height, width).

        Raises:
            DataMissing: the file is absent.
            DataCorrupt: it cannot be decoded, has other channels than `channel` says, or holds a value that is no class
                id; or its red channel is empty and another one is not.
        """
        return with_image(self.path, lambda image: self.ids_in(image, ignore))

    def ids_in(self, image: Image, ignore: int | None) -> NDArray[np.uint8]:
        """The checked class ids of an opened label image, as `read` does it for the file.

        Raises:
            DataCorrupt: as `read`.
        """
        import numpy as np

        # One pass over the image: int64 would cost eight times the memory of a 30-megapixel mask.
        values = self._red_channel(image) if self.channel == "red" else self._only_channel(image)
        # Counting takes half of the time of sorting or hashing, where the values are bytes.
        present = np.flatnonzero(np.bincount(values.ravel())) if values.dtype == np.uint8 else np.unique(values)
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

    def _only_channel(self, image: Image) -> NDArray[Any]:
        import numpy as np

        if image.mode not in ("L", "P", "I", "I;16", "I;16B", "I;16L"):
            raise DataCorrupt(
                f"The mask {self.path} has pixels of mode {image.mode}; a mask must have one channel of class ids.",
                hint="This is a coloured preview or was saved again by an image editor: restore the original PNG.",
            )
        return np.asarray(image)

    def _red_channel(self, image: Image) -> NDArray[np.uint8]:
        import numpy as np

        if image.mode not in ("RGB", "RGBA"):
            raise DataCorrupt(
                f"The mask {self.path} has pixels of mode {image.mode}; class ids must be in the red channel of an RGB "
                "or RGBA image.",
                hint="This copy was converted: restore the original PNG files.",
            )
        pixels = np.asarray(image)
        red = pixels[:, :, 0]
        # An empty mask would pass for "no food" in silence; OpenCV writes channels in the order blue, green, red.
        if not red.any() and pixels[:, :, 1:3].any():
            raise DataCorrupt(
                f"The mask {self.path} has an empty red channel, but not empty green and blue ones.",
                hint="Its channels were swapped when it was saved again: restore the original PNG.",
            )
        return red

    def fingerprint(self, *, pixels: bool) -> str:
        """Digest of the mask.

        Args:
            pixels: digest the decoded class ids and their shape, which are the same however the file was packed;
                otherwise the bytes of the file.

        Raises:
            DataMissing: the file is absent.
            DataCorrupt: as `read`, if pixels are digested.
        """
        if not pixels:
            return ImageFile(self.path).fingerprint()
        values = self.read()
        return fingerprint([*values.shape, sha256(values.tobytes()).hexdigest()])

    def size(self) -> tuple[int, int]:
        """(width, height) in pixels, read from the header only.

        Raises:
            DataMissing: the file is absent.
            DataCorrupt: the header cannot be read.
        """
        return with_image(self.path, lambda image: image.size)


class MaskSource(Protocol):
    """A label image, wherever its bytes are: a file (`MaskFile`) or a row of a table (`hub.HubMask`)."""

    @property
    def path(self) -> Path:
        """The file; or a name that says where the bytes are, if they are no file of their own."""

    def read(self, ignore: int | None = IGNORE_LABEL) -> NDArray[np.uint8]:
        """The class ids as stored, uint8 of shape (height, width)."""

    def size(self) -> tuple[int, int]:
        """(width, height) in pixels, from the header only."""

    def fingerprint(self, *, pixels: bool) -> str:
        """Digest of the encoded bytes, or of the decoded class ids."""

    def __hash__(self) -> int:
        """Masks are values: they can be keys of caches."""


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
    image: Picture
    mask: MaskSource
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
            turned = self.image.orientation()
            exif = f" (EXIF orientation {turned})" if turned != 1 else ""
            raise DataCorrupt(
                f"The mask {self.mask.path} is transposed: {sizes}.",
                hint=f"The mask or the photo{exif} was turned after annotation: restore both from the archive.",
            )
        raise DataCorrupt(
            f"The mask {self.mask.path} does not fit its photo {self.image.path}: {sizes}.",
            hint="One of the two was resized, or they belong to different copies: restore both from the archive.",
        )


@dataclass(frozen=True, slots=True)
class Turn:
    """One question of a dialogue with its reference answer, both as people read them.

    Answers of FoodReasonSeg keep their `[SEGk]` tokens, numbered from 1 in each answer.
    """

    question: str
    answer: str


@dataclass(frozen=True, slots=True)
class Segment:
    """What one `[SEGk]` token of an answer points at.

    Attributes:
        name: the name before the token as it is written; the token itself where no name stands there.
        class_id: the FoodSeg103 class that the name means; None if it means none.
    """

    name: str
    class_id: int | None


@dataclass(frozen=True, slots=True)
class ReasoningRecord:
    """One dialogue of FoodReasonSeg: questions about a FoodSeg103 photo whose answers point at ingredients.

    Attributes:
        dialogue_id: unique and stable: the stem, and a number where a photo has several dialogues (`00004401#2`).
        pair: the photo and its mask.
        turns: the rounds in their order.
        segments: for each turn its `[SEGk]` tokens in order: `segments[t][k - 1]` belongs to `[SEGk]` of turn t.
        split: `train` or `test`.
    """

    dialogue_id: str
    pair: SegmentationRecord
    turns: tuple[Turn, ...]
    segments: tuple[tuple[Segment, ...], ...]
    split: str

    @property
    def targets(self) -> tuple[tuple[int, ...], ...]:
        """For each turn the class ids that its answer points at, in order, less what is unresolved."""
        return tuple(
            tuple(segment.class_id for segment in segments if segment.class_id is not None)
            for segments in self.segments
        )

    @property
    def unresolved(self) -> tuple[str, ...]:
        """Names in the answers that are no FoodSeg103 class, in order."""
        return tuple(segment.name for segments in self.segments for segment in segments if segment.class_id is None)


@dataclass(frozen=True, slots=True)
class DialogueRecord:
    """One dialogue of FoodDialogues: a conversation about a Nutrition5k dish.

    Attributes:
        dialogue_id: the id in the dataset's file.
        dish_id: e.g. `dish_1561662216`.
        image: the picture.
        turns: the rounds; answers as people read them, nutrition tags taken out.
        tagged: for each turn the values that its answer tags, as (`mass`, `kcal`, `fat`, `carb`, `protein` or
            `total.mass`, ...; value) pairs in order.
        split: `train` or `test`.
        view: `overhead` or `side`: where the picture was taken from.
    """

    dialogue_id: str
    dish_id: str
    image: ImageFile
    turns: tuple[Turn, ...]
    tagged: tuple[tuple[tuple[str, float], ...], ...]
    split: str
    view: ImageView
