"""Load the networks that the options ask for."""

from __future__ import annotations

from background_removal.errors import InputError
from background_removal.matting.alpha.refine import Refiner
from background_removal.matting.best.film import FilmMatting, FilmNetworks
from background_removal.matting.best.merged_crops import MergedCrops
from background_removal.matting.best.panel import PanelPredictor
from background_removal.matting.best.people_search import Panel
from background_removal.matting.best.photo import PhotoMatting, Predictor
from background_removal.matting.crop import RECURRENT_CROP_POLICY
from background_removal.matting.effort.level import Effort
from background_removal.matting.networks.ahead import load_ahead
from background_removal.matting.networks.faces import FaceDetector
from background_removal.matting.networks.flip_ensemble import FlipEnsemble
from background_removal.matting.networks.multiclass import MulticlassNetwork
from background_removal.matting.networks.network import MODELS_BY_NUMBER, Network
from background_removal.matting.networks.pose import load_pose_network
from background_removal.matting.networks.recurrent import RecurrentMatting, is_recurrent
from background_removal.matting.networks.segmenters import OnnxSegmenter, Segmenter, make_segmenter
from background_removal.matting.networks.sessions import load_session
from background_removal.matting.networks.weights import DOWNLOADS, MODELS
from background_removal.matting.refined_network import RefinedNetwork
from background_removal.matting.stream import StreamMatting
from background_removal.matting.tracking.body import BodyObserver
from background_removal.matting.tracking.detector import MIN_FACE_SCORE, PersonDetector

# Values of the option `people`.
PEOPLE = ("all", "main")


def load_matting(
    options: Network, threshold: float = 0.5, edge_softness: float = 0.5, people: str = "all"
) -> StreamMatting:
    """Load the networks that `options` ask for.

    Args:
        options: The networks.
        threshold: Alpha at which background ends and person begins, 0 to 1.
        edge_softness: 0 cuts hard at the threshold, 1 leaves the network's soft edge.
        people: The people to keep, one of PEOPLE.

    Raises:
        InputNotFoundError: there is no such model.
        InputError: the runtime, the device or the file cannot be used.
        DeviceError: the device was asked for by name and did not load.
    """
    if people not in PEOPLE:
        raise InputError(f"`people` '{people}': must be one of {', '.join(PEOPLE)}")
    load_ahead(options)
    model, runtime, device = options.model, options.runtime, options.device
    detector_model = MODELS_BY_NUMBER[options.model_selection]
    if runtime == "onnx" and model is not None and model not in MODELS:
        session = load_session(model, device)
        if is_recurrent(session):
            recurrent = RecurrentMatting(session, model, threshold, edge_softness)
            detector_network = make_segmenter(detector_model, runtime, device)
            detector = PersonDetector(detector_network, _load_face_detector, RECURRENT_CROP_POLICY)
            return StreamMatting(detector, recurrent, options.quality, people=people)
        network: Segmenter = OnnxSegmenter(model, session, options)
    else:
        network = make_segmenter(model or "wide", runtime, device)
    # A network asked for by name is its own detector: it may segment something else than people.
    detector_network = network if model else make_segmenter(detector_model, runtime, device)
    has_panel = model is None and runtime == "onnx"
    predictor: Predictor = MergedCrops(detector_network, network)
    if has_panel:
        predictor = PanelPredictor(
            lambda: Panel(detector_network, network, MulticlassNetwork(device), load_pose_network())
        )
    photo = PhotoMatting(predictor, threshold, edge_softness)
    film_networks = (lambda: _load_film_networks(device)) if has_panel else (lambda: FilmNetworks(network=network))
    film = FilmMatting(film_networks, threshold, edge_softness)
    segments_people = model is None or model in MODELS or (model in DOWNLOADS and DOWNLOADS[model].people_only)
    detector = PersonDetector(detector_network, _load_face_detector if segments_people else None)
    # Flips are measured for the default; other networks may take long, or depend on left and right.
    is_default = model in (None, "wide")
    ensemble = FlipEnsemble(network, always=options.effort == "high") if is_default else network
    refined = RefinedNetwork(ensemble, Refiner(threshold, edge_softness), network)
    bodies = BodyObserver(load_pose_network) if is_default else None
    effort = Effort(options.effort)
    return StreamMatting(
        detector, refined, options.quality, photo, people=people, film=film, bodies=bodies, effort=effort
    )


def _load_film_networks(device: str) -> FilmNetworks:
    return FilmNetworks(MulticlassNetwork(device), load_pose_network())


def _load_face_detector() -> FaceDetector:
    return FaceDetector(min_score=MIN_FACE_SCORE)
