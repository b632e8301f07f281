"""A plausible depth picture of a plate: a height field seen from straight above."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from foodbench.data.kitchen.canvas import PLATE_DIAMETER_CM
from foodbench.data.kitchen.fields import length
from foodbench.data.kitchen.plate import Plate

UNITS_PER_METRE = 10_000
CAMERA_HEIGHT = 3_760
"""Distance of the table top in depth units; nothing is farther than the format's limit of 4,000."""

_RIM_UNITS = 180
_WELL_UNITS = 60
# A board is flat; of a bowl's wall the depth camera sees this much.
_RIMS = {"board": _WELL_UNITS, "bowl": 420}
_FOOD_UNITS = 230
_STEP = 4


def _height_units(plate: Plate) -> NDArray[np.float32]:
    """Height above the table in depth units at half the resolution, (height / 2, width / 2)."""
    label = plate.label[::2, ::2]
    height, width = label.shape
    # Of the camera only the scale is known here, so plate and picture have one centre: exact to a few pixels.
    radius = PLATE_DIAMETER_CM / 2 / float(np.sqrt(plate.cm2_per_pixel)) / 2
    x = ((np.arange(width, dtype=np.float32) + 0.5 - width / 2) / radius)[None, :]
    y = ((np.arange(height, dtype=np.float32) + 0.5 - height / 2) / radius)[:, None]
    distance = length(x, y)
    slope = np.clip((distance - np.float32(0.7)) * np.float32(1 / 0.3), 0, 1)
    rim = _RIMS.get(plate.vessel, _RIM_UNITS)
    plate_height = np.where(distance < 1, _WELL_UNITS + (rim - _WELL_UNITS) * slope, 0).astype(np.float32)
    if plate.vessel == "table":
        plate_height[:] = 0
    food = Image.fromarray(((label > 0) * np.uint8(255)).astype(np.uint8))
    mound = np.asarray(food.filter(ImageFilter.BoxBlur(radius * 0.05)), np.float32)
    return plate_height + mound * np.float32(_FOOD_UNITS / 255)


def _rainbow() -> NDArray[np.uint8]:
    """A blue-to-red palette of 256 colours."""
    level = np.arange(256, dtype=np.float32) / 255
    peaks = [np.clip(1.5 - np.abs(level * 4 - peak), 0, 1) for peak in (3, 2, 1)]
    return (np.stack(peaks, 1) * 255).astype(np.uint8)


def depth_pictures(plate: Plate) -> tuple[NDArray[np.uint16], Image.Image]:
    """Depth of a plate as the depth camera would store it.

    Returns:
        Distance from the camera, (height, width) uint16 in units of 0.1 mm, and the same coloured for people (RGB).
    """
    rows, columns = plate.label.shape
    # Half the resolution is finer than what such cameras resolve, and a third of the work.
    height = _height_units(plate).repeat(2, axis=0).repeat(2, axis=1)[:rows, :columns]
    depth = (CAMERA_HEIGHT - height).astype(np.uint16) // _STEP * _STEP
    level = np.clip(height * np.float32(255 / (_RIM_UNITS + _FOOD_UNITS)), 0, 255).astype(np.uint8)
    coloured = Image.fromarray(_rainbow()[level])
    return depth.astype(np.uint16), coloured
