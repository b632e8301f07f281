"""Which parameters Muon moves and which AdamW, at which rates."""

from __future__ import annotations

from collections.abc import Iterable

from torch import nn

from baselines.common.muon_and_adam import Group, MuonAndAdam, groups_by
from baselines.rl_segmentation.kitchen_model.settings import StageSettings


def _wants_muon(name: str, parameter: nn.Parameter) -> bool:
    """Weight matrices inside blocks; not embeddings, the patches' convolution, biases or norms."""
    return parameter.ndim == 2 and "embed" not in name


class Optimizers(MuonAndAdam):
    """Muon for weight matrices, AdamW for everything else, driven as one.

    Args:
        named: the parameters to train.
        helpers: parameters of auxiliary heads.
        settings: of the stage.
        vision_share: of the learning rate for the vision tower.
    """

    def __init__(
        self,
        named: Iterable[tuple[str, nn.Parameter]],
        helpers: Iterable[nn.Parameter],
        settings: StageSettings,
        vision_share: float = 1.0,
    ) -> None:
        muon: dict[float, list[nn.Parameter]] = {1.0: []}
        adam: dict[float, list[nn.Parameter]] = {1.0: list(helpers)}
        for name, parameter in named:
            share = vision_share if "visual." in name else 1.0
            (muon if _wants_muon(name, parameter) else adam).setdefault(share, []).append(parameter)
        super().__init__(groups_by("share", muon), groups_by("share", adam), settings)

    def share(self, group: Group) -> float:
        """Less for the vision tower."""
        return float(group["share"])
