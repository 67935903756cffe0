"""The only part of the dashboard that reads files; what it returns is cached until a file changes.

`files` says where things are and caches, `runs` counts predictions, `rows` holds them in memory,
`dataset` is about the indexed images, `audits` about what is wrong with them, and `predictor` answers
for one uploaded image. Pages say `data.NAME` for all of them.
"""

from dashboard.data.audits import audit_csv, audit_findings, told_by_runs, usable_audit
from dashboard.data.bring import (
    MOST_UPLOAD_BYTES,
    ModelPreview,
    Upload,
    add_table,
    cancel_job,
    check_table,
    find_upload,
    forget_upload,
    latest_jobs,
    preview_model,
    receive,
    retry_job,
    start_evaluation,
    test_splits,
)
from dashboard.data.dataset import (
    THUMBNAIL_PX,
    ClassBalance,
    average_images,
    brightness,
    class_balance,
    commonest_size,
    image_index,
    image_modes,
    image_sizes,
    medians,
    thumbnail,
    unreadable_files,
)
from dashboard.data.files import images_folder, models_folder
from dashboard.data.predictor import EXAMPLES, Answer, answer, example, warm_up
from dashboard.data.rows import (
    calibration,
    changed_images,
    compare,
    slice_choices,
    slice_mistakes,
    weak_spots,
)
from dashboard.data.runs import (
    MOST_IN_MEMORY,
    RunView,
    Scored,
    ThreeFigures,
    best_by_architecture,
    best_run,
    cell_images,
    curves,
    fault_of,
    find_run,
    list_runs,
    report,
    three_figures,
)
