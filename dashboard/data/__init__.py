"""The only part of the dashboard that reads files; what it returns is cached until a file changes.

`files` says where things are and caches, `runs` counts predictions, `rows` holds them in memory,
`dataset` is about the indexed images, `audits` about what is wrong with them, `corrections` about what
people say is wrong with their labels, and `predictor` answers for one uploaded image. Pages say
`data.NAME` for all of them.
"""

from dashboard.data.audits import audit_csv, audit_findings, told_by_runs, usable_audit
from dashboard.data.corrections import (
    ManifestLine,
    Suspect,
    agreed,
    checked,
    class_names,
    corrections_made,
    doubtful,
    kept_upload,
    label_of,
    make_manifest,
    manifest_lines,
    reported_label,
    say,
    voices_about,
    waiting,
    with_upload,
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
from dashboard.data.predictor import (
    EXAMPLES,
    MAX_BYTES,
    Answered,
    Checked,
    Looked,
    MarkedChange,
    answer,
    check_occlusion,
    example,
    look,
    marked_change,
    warm_up,
)
from dashboard.data.reports import has_report, report_html, run_states
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
    cell_share,
    curves,
    fault_of,
    find_run,
    latest_pair,
    list_runs,
    report,
    three_figures,
)
