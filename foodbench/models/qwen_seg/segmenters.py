"""What draws: from a picture and references to masks.

`load_segmenter` takes:

- `colour`: `ColourFlood`, without weights, for pictures with plain surroundings;
- `sam2:REPOSITORY_OR_FOLDER`: SAM 2 of transformers, e.g. `sam2:facebook/sam2-hiera-large`;
- `sam2-package:CONFIG:CHECKPOINT`: SAM 2 of Meta's own package, where it is installed;
- `py:package.module:Class`: a user's own, made without arguments.
"""

from __future__ import annotations

import hashlib
import inspect
import sys
from collections import OrderedDict
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from foodbench.core.errors import CheckpointError, UsageError
from foodbench.core.hashing import sha256_file
from foodbench.core.registry import import_object
from foodbench.models.pretrained import reading
from foodbench.models.qwen_seg.checkpoint import checkpoint_folder, checkpoint_identity
from foodbench.models.qwen_seg.colour_flood import ColourFlood
from foodbench.models.qwen_seg.references import Reference
from foodbench.models.weight_files import weight_files

if TYPE_CHECKING:
    from numpy.typing import NDArray

CACHE_BYTES = 512 * 2**20
"""Room for SAM 2's embeddings of pictures, 13 MB each at the released size in float32."""

_PROMPTS_AT_ONCE = 32
_FORMS = "colour, sam2:REPOSITORY_OR_FOLDER, sam2-package:CONFIG:CHECKPOINT or py:package.module:Class"


class Segmenter(Protocol):
    """Draws masks.

    Attributes:
        identity: names it and its weights; part of a model's identity.
    """

    identity: str

    def segment(self, image: Any, references: Sequence[Reference]) -> list[NDArray[np.bool_]]:
        """Draw what each reference shows.

        Args:
            image: PIL image, RGB.
            references: in pixels of the image; corners in order, and everything inside of the picture.

        Returns:
            one (height, width) mask of truth values per reference, in their order.
        """


class Sam2Segmenter:
    """SAM 2 as transformers has it: box and point together, and the best of the three masks by its own estimate.

    That is how VisionReasoner's released code asks it. A picture's embeddings serve all its questions. The weights are
    loaded with the first reference.

    Args:
        checkpoint: a folder with safetensors, or a repository of the Hub.
        device: a torch device.
        dtype: a torch dtype, or its name.

    Raises:
        CheckpointError: there is no such checkpoint; with the first reference also if its files are damaged.
    """

    def __init__(self, checkpoint: str | Path, device: Any = "cpu", dtype: Any = "float32") -> None:
        self._folder = checkpoint_folder(checkpoint)
        self._device, self._dtype = device, dtype
        shown = str(dtype).removeprefix("torch.")
        self.identity = f"sam2:{checkpoint_identity(checkpoint, self._folder)}:{shown}"
        self._known: OrderedDict[str, list[Any]] = OrderedDict()

    @cached_property
    def _loaded(self) -> tuple[Any, Any]:
        import torch
        from transformers import Sam2Model, Sam2Processor

        weight_files(self._folder)
        dtype = getattr(torch, self._dtype) if isinstance(self._dtype, str) else self._dtype
        hint = "The checkpoint is damaged, incomplete, or not a SAM 2; copy it anew."
        with reading(self._folder, hint):
            # By their classes: for the released weights transformers' Auto classes give the model for videos.
            model, report = Sam2Model.from_pretrained(
                self._folder, dtype=dtype, use_safetensors=True, local_files_only=True, output_loading_info=True
            )
            processor = Sam2Processor.from_pretrained(self._folder, local_files_only=True)
        if report["missing_keys"]:
            missing = sorted(report["missing_keys"])
            raise CheckpointError(f"{self._folder}: {len(missing)} weights are missing, e.g. {missing[0]}.", hint=hint)
        return model.to(self._device).eval(), processor

    def segment(self, image: Any, references: Sequence[Reference]) -> list[NDArray[np.bool_]]:
        """As `Segmenter.segment`."""
        if not references:
            return []
        embeddings = self._embedded(image)
        masks: list[NDArray[np.bool_]] = []
        for start in range(0, len(references), _PROMPTS_AT_ONCE):
            masks += self._decoded(image, embeddings, references[start : start + _PROMPTS_AT_ONCE])
        return masks

    def _embedded(self, image: Any) -> list[Any]:
        """SAM 2's feature maps of a picture, kept for its next questions."""
        import torch

        key = hashlib.sha256(f"{image.size}".encode() + image.tobytes()).hexdigest()
        if key not in self._known:
            model, processor = self._loaded
            with torch.inference_mode():
                pixels = processor(images=image, return_tensors="pt")["pixel_values"]
                self._known[key] = model.get_image_embeddings(pixels.to(model.device, model.dtype))
        self._known.move_to_end(key)
        while len(self._known) > 1 and sum(each.nbytes for maps in self._known.values() for each in maps) > CACHE_BYTES:
            self._known.popitem(last=False)
        return self._known[key]

    def _decoded(self, image: Any, embeddings: list[Any], references: Sequence[Reference]) -> list[NDArray[np.bool_]]:
        import torch

        model, processor = self._loaded
        prompts = processor(
            original_sizes=[[image.height, image.width]],
            input_boxes=[[[float(value) for value in reference.box] for reference in references]],
            input_points=[[[[float(value) for value in reference.point]] for reference in references]],
            input_labels=[[[1] for _ in references]],
            return_tensors="pt",
        )
        with torch.inference_mode():
            output = model(
                image_embeddings=embeddings,
                input_boxes=prompts["input_boxes"].to(model.device, model.dtype),
                input_points=prompts["input_points"].to(model.device, model.dtype),
                input_labels=prompts["input_labels"].to(model.device),
                multimask_output=True,
            )
            best = output.iou_scores[0].argmax(dim=-1)
            chosen = output.pred_masks[0, torch.arange(len(references), device=best.device), best]
            # One mask at a time: at a photo's size three of each would take gigabytes.
            drawn = [
                processor.post_process_masks([one[None, None].float().cpu()], [[image.height, image.width]])[0]
                for one in chosen
            ]
        return [mask.reshape(image.height, image.width).numpy().astype(bool) for mask in drawn]


class Sam2PackageSegmenter:
    """SAM 2 of Meta's package `sam2`, asked in the same way; the package is the user's to install.

    Args:
        config: name of the package's configuration, e.g. `configs/sam2.1/sam2.1_hiera_l.yaml`.
        checkpoint: its file of weights. The package reads it with `weights_only`.
        device: a torch device.

    Raises:
        CheckpointError: there is no such file.
        UsageError: with the first reference: the package is not installed.
    """

    def __init__(self, config: str, checkpoint: str | Path, device: Any = "cpu") -> None:
        path = Path(checkpoint)
        if not path.is_file():
            raise CheckpointError(f"No SAM 2 checkpoint {checkpoint}.", hint="Give the file of weights.")
        self._config, self._checkpoint, self._device = config, path, device
        self.identity = f"sam2-package:{config}:{sha256_file(path)[:12]}"
        self._shown: str | None = None

    @cached_property
    def _predictor(self) -> Any:
        try:
            from sam2.build_sam import build_sam2
            from sam2.sam2_image_predictor import SAM2ImagePredictor
        except ModuleNotFoundError as error:
            raise UsageError(
                "The package 'sam2' is not installed.",
                hint="Install it from github.com/facebookresearch/sam2, or use sam2:facebook/sam2-hiera-large.",
            ) from error
        return SAM2ImagePredictor(build_sam2(self._config, str(self._checkpoint), device=str(self._device)))

    def segment(self, image: Any, references: Sequence[Reference]) -> list[NDArray[np.bool_]]:
        """As `Segmenter.segment`."""
        if not references:
            return []
        pixels = np.asarray(image.convert("RGB"))
        key = hashlib.sha256(f"{image.size}".encode() + pixels.tobytes()).hexdigest()
        if key != self._shown:
            self._shown = None  # a picture that fails must not be taken for the one before
            self._predictor.set_image(pixels)
            self._shown = key
        masks = []
        for reference in references:
            drawn, scores, _ = self._predictor.predict(
                point_coords=np.array([reference.point], float),
                point_labels=np.array([1]),
                box=np.array(reference.box, float),
                multimask_output=True,
            )
            masks.append(np.asarray(drawn[int(np.argmax(scores))], bool))
        return masks


def load_segmenter(spec: str, device: Any = "cpu", dtype: Any = "float32") -> Segmenter:
    """The segmenter that `spec` names; see this module's docstring.

    Args:
        spec: the name.
        device: where SAM 2 works.
        dtype: of SAM 2 of transformers.

    Raises:
        UsageError: no such form, or a user's class cannot be imported, made or used.
        CheckpointError: the weights are not there.
    """
    head, _, rest = spec.strip().partition(":")
    if head == "colour" and not rest:
        return ColourFlood()
    if head == "sam2" and rest:
        return Sam2Segmenter(rest, device, dtype)
    config, _, checkpoint = rest.partition(":")
    if head == "sam2-package" and config and checkpoint:
        return Sam2PackageSegmenter(config, checkpoint, device)
    if head == "py" and rest:
        return _users_own(spec.strip(), rest)
    raise UsageError(f"'{spec}' names no segmenter.", hint=f"Use {_FORMS}.")


class _UsersSegmenter:
    """A user's object, so that it has an identity: its own, or where it comes from and the hash of that file."""

    def __init__(self, spec: str, made: Any) -> None:
        self._made = made
        own = getattr(made, "identity", None)
        self.identity = own if isinstance(own, str) and own else f"{spec}#{_hash_of_module(spec)}"

    def segment(self, image: Any, references: Sequence[Reference]) -> list[NDArray[np.bool_]]:
        """Pass on."""
        return self._made.segment(image, references)


def _users_own(spec: str, target: str) -> Segmenter:
    here = str(Path.cwd())
    if here not in sys.path and "" not in sys.path:
        sys.path.insert(0, here)
    made: Any = import_object(target)
    if inspect.isclass(made):
        try:
            made = made()
        except Exception as error:  # a user's code may raise anything
            raise UsageError(
                f"'{spec}' could not be made: {type(error).__name__}: {error}.", hint="Its class takes no arguments."
            ) from error
    if not callable(getattr(made, "segment", None)):
        raise UsageError(
            f"'{spec}' has no method 'segment'.",
            hint="Write segment(image, references), which returns one (height, width) mask per reference.",
        )
    return _UsersSegmenter(spec, made)


def _hash_of_module(spec: str) -> str:
    source = getattr(sys.modules.get(spec.split(":")[1]), "__file__", None)
    try:
        return sha256_file(Path(source))[:12] if source else ""
    except OSError:
        return ""


__all__ = ["ColourFlood", "Sam2PackageSegmenter", "Sam2Segmenter", "Segmenter", "load_segmenter"]
