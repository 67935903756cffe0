"""Shows what `brainmri` wrote, in a browser. `python -m dashboard --help` says how to start it."""

import os

# pyarrow reads it when it is imported. What reads Parquet asks for this one, whatever Python is told to
# use, and any but that of the system kept 16 MB of a worker for itself.
os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
