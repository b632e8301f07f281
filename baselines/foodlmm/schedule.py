"""Which parameters Muon moves and which AdamW, at which rates."""

from __future__ import annotations

from torch import nn

from baselines.common.muon_and_adam import Group, MuonAndAdam, groups_by
from baselines.foodlmm.settings import StageSettings

_VISION = ("model.vision_tower.", "sam.")
_NOT_MATRICES = ("embed", "tokens")


def _wants_muon(name: str, parameter: nn.Parameter) -> bool:
    """Weight matrices inside transformer blocks and small networks; not embeddings, heads or convolutions."""
    inside = "layers." in name or "multi_modal_projector" in name or "mlp" in name
    return (
        inside and parameter.ndim == 2 and min(parameter.shape) > 1 and not any(word in name for word in _NOT_MATRICES)
    )


class Optimizers(MuonAndAdam):
    """Muon for weight matrices, AdamW for everything else, driven as one."""

    def __init__(self, model: nn.Module, scaffold: nn.Module, settings: StageSettings) -> None:
        muon: dict[bool, list[nn.Parameter]] = {False: [], True: []}
        adam: dict[bool, list[nn.Parameter]] = {False: list(scaffold.parameters()), True: []}
        for name, parameter in model.named_parameters():
            if parameter.requires_grad:
                (muon if _wants_muon(name, parameter) else adam)[name.startswith(_VISION)].append(parameter)
        super().__init__(groups_by("vision", muon), groups_by("vision", adam), settings)
        self._vision_share = settings.vision_share

    def share(self, group: Group) -> float:
        """Less for the image encoders and the mask decoder."""
        return self._vision_share if group["vision"] else 1.0
