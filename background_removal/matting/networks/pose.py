"""MediaPipe's pose network: a mask of the one person in the middle of a crop, where their body shows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from background_removal.errors import ProcessingError, reason
from background_removal.matting.networks.sessions import load_session_file, require_finite
from background_removal.matting.networks.weights import POSE, model_file

if TYPE_CHECKING:
    import onnxruntime

# Presence from which MediaPipe trusts an answer; `threshold` in tensors_to_pose_landmarks_and_segmentation.pbtxt of
# mediapipe/modules/pose_landmark.
MIN_PRESENCE = 0.5
# Names of the network's outputs.
_OUTPUTS = ("probability", "presence", "landmarks")
# Landmarks, and values of each: x, y, depth, visibility, presence.
_LANDMARKS_SHAPE = (39, 5)


@dataclass(frozen=True, slots=True)
class Pose:
    """An answer of the pose network.

    Attributes:
        probability: Probability of the person at each pixel, float32 (h, w) in [0, 1].
        presence: Probability that there is a person whom the crop was made for, 0 to 1.
        landmarks: float32 (39, 5): x, y and depth, as shares of the image's width, then visibility and presence in
            [0, 1]. Point 33 is between the hips, and 34 on the circle around it that holds the whole person: MediaPipe
            makes the next crop from these two. The first 33 are listed in the graph that MIN_PRESENCE is from.
    """

    probability: np.ndarray
    presence: float
    landmarks: np.ndarray


class PoseNetwork:
    """Draws the mask of the person in the middle of a crop with MediaPipe's full pose network (BlazePose).

    The network knows bodies, so it keeps arms and legs that the selfie networks lose in fast movement; of portraits it
    draws less. It was trained on square crops, centred between the hips, with a quarter of room around the person, and
    upright.

    Raises:
        InputNotFoundError: the network's file is missing.
        InputError: the file is damaged.
    """

    size = (POSE.height, POSE.width)
    sizes = (size,)

    def __init__(self) -> None:
        # On the CPU, whichever device runs the other networks.
        self._session: onnxruntime.InferenceSession | None = load_session_file(
            model_file(POSE, ".onnx"), "cpu", small=True
        )

    def __call__(self, image: np.ndarray) -> tuple[np.ndarray, float]:
        """Return the probability of the person, float32 (h, w) in [0, 1], and their presence, 0 to 1; see `run`."""
        pose = self.run(image)
        return pose.probability, pose.presence

    def run(self, image: np.ndarray) -> Pose:
        """Run the network.

        Args:
            image: uint8 (h, w, 3) BGR, of the network's size (multiples of 32 pixels give a mask too).

        Raises:
            ProcessingError: the network failed, or is closed.
        """
        if self._session is None:
            raise ProcessingError("the pose network is closed; make another")
        tensor = cv2.dnn.blobFromImage(image, 1 / 255, swapRB=True)  # RGB in [0, 1]
        try:
            answers = self._session.run(_OUTPUTS, {"image": tensor})
        except Exception as error:  # ONNX Runtime's errors share no class
            raise ProcessingError(f"the pose network failed: {reason(error, first_line=True)}") from error
        probability, presence, landmarks = (np.asarray(answer)[0] for answer in answers)
        require_finite("the pose network", probability, presence, landmarks)
        points = landmarks.reshape(_LANDMARKS_SHAPE).copy()
        points[:, :3] /= self.size[1]
        points[:, 3:] = 1 / (1 + np.exp(-np.clip(points[:, 3:], -60, 60)))
        return Pose(probability[0], float(presence[0]), points)

    def close(self) -> None:
        """Free the network; calling it again does nothing."""
        self._session = None


def load_pose_network() -> PoseNetwork:
    """Load the pose network, in about 0.1 s; call it when the first crop is there."""
    return PoseNetwork()
