"""From the options of the user to networks at work."""

from __future__ import annotations

from threading import Thread

import cv2
import numpy as np

from background_removal.errors import InputError
from background_removal.matting.alpha.refine import Refiner
from background_removal.matting.crop import RECURRENT_CROP_POLICY
from background_removal.matting.networks.faces import FaceDetector
from background_removal.matting.networks.flip_ensemble import FlipEnsemble
from background_removal.matting.networks.network import MODELS_BY_NUMBER, Network
from background_removal.matting.networks.recurrent import RecurrentMatting, is_recurrent
from background_removal.matting.networks.segmenters import OnnxSegmenter, Segmenter, make_segmenter
from background_removal.matting.networks.sessions import load_session
from background_removal.matting.networks.weights import DOWNLOADS, MODELS
from background_removal.matting.photo import PhotoMatting
from background_removal.matting.stream import RefinedNetwork, StreamMatting
from background_removal.matting.tracking.detector import MIN_FACE, PersonDetector

PEOPLE = ("all", "main")


def load_person_matte(
    options: Network, threshold: float = 0.5, edge_softness: float = 0.5, people: str = "all"
) -> StreamMatting:
    """Load the networks that `options` ask for.

    Args:
        options: Which they are.
        threshold: Where background ends and person begins, 0 to 1.
        edge_softness: 0 cuts hard at the threshold, 1 leaves the edge as soft as the network sees it.
        people: Who is kept: one of PEOPLE.

    Raises:
        InputNotFoundError: there is no such model.
        InputError: the runtime, the device or the file cannot be used.
        DeviceError: the device was asked for by name and did not load.
    """
    if people not in PEOPLE:
        raise InputError(f"`people` '{people}': must be one of {', '.join(PEOPLE)}")
    Thread(target=_make_tables, name="tables").start()  # no daemon: OpenCV must not end under its hands
    model, runtime, device = options.model, options.runtime, options.device
    finder_model = MODELS_BY_NUMBER[options.model_selection]
    if runtime == "onnx" and model is not None and model not in MODELS:
        session = load_session(model, device)
        if is_recurrent(session):
            drawer = RecurrentMatting(session, model, threshold, edge_softness)
            finder = PersonDetector(make_segmenter(finder_model, runtime, device), _load_faces, RECURRENT_CROP_POLICY)
            return StreamMatting(finder, drawer, options.quality, people=people)
        network: Segmenter = OnnxSegmenter(model, session, options)
    else:
        network = make_segmenter(model or "wide", runtime, device)
    # A network that was asked for by name also finds what it draws: it may know other things than people.
    looking = network if model else make_segmenter(finder_model, runtime, device)
    photo = PhotoMatting(looking, network, threshold, edge_softness)
    of_people = model is None or model in MODELS or model in DOWNLOADS
    finder = PersonDetector(looking, _load_faces if of_people else None)
    # Measured for the default; others may take long, or know no left and right.
    drawn = FlipEnsemble(network) if model in (None, "wide") else network
    drawing = RefinedNetwork(drawn, Refiner(threshold, edge_softness))
    return StreamMatting(finder, drawing, options.quality, photo, people=people)


def _make_tables() -> None:
    """Let OpenCV make its tables for Lab, 70 ms of work, beside what else is to be loaded and opened."""
    cv2.cvtColor(np.zeros((1, 1, 3), np.uint8), cv2.COLOR_BGR2LAB)


def _load_faces() -> FaceDetector:
    return FaceDetector(least_score=MIN_FACE)
