"""Train and evaluate brain-MRI classifiers; write what they predicted to Parquet.

The package holds no web code, and no torch outside `brainmri.training`. Importing it does nothing but
switch ONNX Runtime's telemetry off: import the module you need (`from brainmri import metrics`).
"""

import os

__version__ = "0.1.0"

# ONNX Runtime 1.31 otherwise writes a device number into the home folder when it is imported, and
# reports what it runs to its maker. It reads this when it is loaded, so it has to be set before.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
