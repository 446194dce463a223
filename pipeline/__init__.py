"""What everything stands on: frames, the contracts of sources, objects and sinks, the worker thread, errors."""

import os

# ONNX Runtime's Linux wheels send telemetry from 1.29 on, unless this stands in the environment before they are
# imported; whatever of this project is imported passes through here first. Whoever wants it sets it to 0.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
