"""Train and evaluate brain-MRI classifiers; write what they predicted to Parquet.

The package holds no web code, and no torch outside `brainmri.training`. Importing it does nothing:
import the module you need (`from brainmri import metrics`).
"""

__version__ = "0.1.0"
