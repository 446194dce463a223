"""Panel: the answers of several networks for a still, put together as one probability."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from background_removal.matting.alpha.color_model import ColorModel
from background_removal.matting.alpha.holes import close_holes, remove_doubtful_islands
from background_removal.matting.alpha.matte import Matte
from background_removal.matting.best.merged_crops import CROP_POLICY, PADDINGS
from background_removal.matting.best.people_search import (
    NEAR,
    ROUGH_SIZE,
    WIDE,
    Panel,
    ask,
    ask_about_whole,
    ask_pose,
    crop_for,
    find_groups,
    side_of,
    square_around,
)
from background_removal.matting.best.prediction import Prediction, choose_level
from background_removal.matting.best.votes import Votes
from background_removal.matting.boxes import Bounds
from background_removal.matting.crop import CropPolicy, crop_around
from background_removal.matting.networks.light import brighten
from background_removal.matting.pyramid import Pyramid

# Weight of each answer. The fast matte and the multiclass network's crop err least, each for reasons of its own; of
# some thirty combinations tried on the choosing half of the pictures with known alpha, all with these two in front lie
# within a percent of each other.
_FAST_WEIGHT = 2.0
_MULTICLASS_WEIGHT = 2.0
_FITTED_MULTICLASS_WEIGHT = 1.0
_WHOLE_MULTICLASS_WEIGHT = 0.5
_GENERAL_WEIGHT = 1.0  # of all crops together
_POSE_WEIGHT = 1.0
# Factor of the multiclass network's log-odds; of 1, 2, 4 and 8, 2 errs least by a little.
_MULTICLASS_SCALE = 2.0
# Crop of the multiclass network that is fitted to the person's shape.
_FITTED_CROP_POLICY = CropPolicy(padding=0.1, min_aspect=0.6)


class PanelPredictor:
    """Predicts the probability of a person in a still from the answers of a panel of networks; see `Predictor`.

    Networks err in ways of their own: one takes a wall for the person, another loses a face in the shade. The answers
    are added up as log-odds, so that no pixel becomes person on the word of one.

    Args:
        load_panel: Loads the networks at the first use.
    """

    def __init__(self, load_panel: Callable[[], Panel]) -> None:
        self._load_panel = load_panel
        self._panel: Panel | None = None

    def __call__(self, view: Pyramid, fast: Callable[[], Matte]) -> Prediction | None:
        """Return the prediction for a still; None without a person."""
        if self._panel is None:
            self._panel = self._load_panel()
        panel = self._panel
        fast_matte = fast()
        multiclass, general = (ask_about_whole(network, view) for network in (panel.multiclass, panel.general))
        groups = find_groups(panel, view, fast_matte.shrink(*ROUGH_SIZE), multiclass, general)
        if not groups:
            return None
        side = max(side_of(square_around(bounds, NEAR)) for bounds in groups)
        level, pixel = choose_level(side / panel.multiclass.size[0])
        height, width = view.level(level).shape[:2]
        votes, whole = Votes(view.size, (height, width), level, pixel), (0, 0, *view.size)
        votes.add(multiclass, whole, _WHOLE_MULTICLASS_WEIGHT, _MULTICLASS_SCALE)
        fast_alpha = fast_matte.shrink(width, height)
        if fast_matte.shows_person:  # else the panel found someone too small for it
            votes.add(fast_alpha, whole, _FAST_WEIGHT)
        for answer in (fast_alpha, general, ask(panel.landscape, view, whole)):
            votes.add_to_unanimous(answer, whole)
        for bounds in groups:
            _vote_on(bounds, panel, view, votes)
        image = view.level(level)
        probability = remove_doubtful_islands(ColorModel()(votes.probability(), image))
        # Between curls the fast matte, which is coarse, is no witness.
        fast_alpha[votes.hair] = 0
        return Prediction(close_holes(probability, image, fast_alpha), level, pixel, votes.mean(), votes.hair)


def _vote_on(bounds: Bounds, panel: Panel, view: Pyramid, votes: Votes) -> None:
    """Add the networks' answers for the crops around a person, or people next to each other."""
    near, wide = square_around(bounds, NEAR), square_around(bounds, WIDE)
    fitted = crop_around(bounds, view.size, _FITTED_CROP_POLICY)
    person, hair = panel.multiclass.run(crop_for(panel.multiclass, view, near))
    votes.add(person, near, _MULTICLASS_WEIGHT, _MULTICLASS_SCALE)
    votes.add_hair(hair, near)
    votes.add(ask(panel.multiclass, view, fitted), fitted, _FITTED_MULTICLASS_WEIGHT, _MULTICLASS_SCALE)
    for padding in PADDINGS:
        box = crop_around(bounds, view.size, replace(CROP_POLICY, padding=padding))
        for size in panel.general.sizes:
            weight = _GENERAL_WEIGHT / (len(PADDINGS) * len(panel.general.sizes))
            answer = panel.general(brighten(view.crop(box, *size[::-1])))
            votes.add(answer, box, weight, places_edge=True)
            votes.add_to_unanimous(answer, box)
    body, _ = ask_pose(panel.pose, view, wide)
    votes.add(body, wide, _POSE_WEIGHT)
