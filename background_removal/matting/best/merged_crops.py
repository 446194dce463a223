"""Merged crops: the answers of one network for several crops of a still, averaged."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import cv2
import numpy as np

from background_removal.matting.alpha.color_model import ColorModel
from background_removal.matting.alpha.matte import Matte
from background_removal.matting.best.prediction import Prediction, choose_level
from background_removal.matting.best.votes import fade_weights
from background_removal.matting.boxes import Box, find_bounds
from background_removal.matting.crop import CropPolicy, crop_around
from background_removal.matting.networks.segmenters import Segmenter
from background_removal.matting.pyramid import Pyramid

# Padding around the person in the network's crops, shares of the person's width and height. With two input sizes this
# makes ten predictions; on frames with a known alpha six err a twentieth more, and mirrored ones are no help.
PADDINGS = (0.0, 0.05, 0.1, 0.15, 0.25)
CROP_POLICY = CropPolicy(padding=0.15, min_aspect=0.8)
# Weight of the prediction of the whole frame beside one crop; outside the crops there is no other.
_WHOLE_FRAME_WEIGHT = 0.05


class MergedCrops:
    """Predicts the probability of a person in a still from several crops of one network; see `Predictor`.

    Args:
        detector: The network for the whole image.
        network: The network for the person's crops.
    """

    def __init__(self, detector: Segmenter, network: Segmenter) -> None:
        self._detector = detector
        self._network = network

    def __call__(self, view: Pyramid, fast: Callable[[], Matte]) -> Prediction | None:
        """Return the prediction for a still, without its fast matte; None without a person."""
        detector, network = self._detector, self._network
        whole: Box = (0, 0, *view.size)
        detection = detector(view.crop(whole, *detector.size[::-1]))
        person = find_bounds(detection, whole, view.size)
        if person is None:
            return None
        # The first crop bounds the person more exactly than the detection.
        middle = crop_around(person, view.size, CROP_POLICY)
        first = network(view.crop(middle, *network.size[::-1]))
        person = find_bounds(first, middle, view.size) or person
        crop = crop_around(person, view.size, CROP_POLICY)
        level, pixel = choose_level(max((crop[3] - crop[1]) / network.size[0], (crop[2] - crop[0]) / network.size[1]))
        height, width = view.level(level).shape[:2]
        total = np.full((height, width), _WHOLE_FRAME_WEIGHT, np.float32)
        merged = cv2.resize(detection, (width, height), interpolation=cv2.INTER_LINEAR)
        merged *= np.float32(_WHOLE_FRAME_WEIGHT)
        for padding in PADDINGS:
            box = crop_around(person, view.size, replace(CROP_POLICY, padding=padding))
            left, top, right, bottom = box
            place = np.s_[top >> level : -(-bottom >> level), left >> level : -(-right >> level)]
            weight = fade_weights(box, view.size, total[place].shape)
            for size in network.sizes:
                probability = network(view.crop(box, *size[::-1]))
                merged[place] += weight * cv2.resize(probability, weight.shape[::-1])
                total[place] += weight
        return Prediction(ColorModel()(merged / total, view.level(level)), level, pixel)
