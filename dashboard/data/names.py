"""What pages may ask of the data, as `data.NAME`.

`files` says where things are and caches, `runs` counts predictions, `rows` holds them in memory,
`selected` counts and lists chosen images, `dataset` is about the indexed images, `browsing` about which of
them have some property, `one_image` about one of them, `audits` about what is wrong with them,
`corrections` about what people say is wrong with their labels, `promoted` about which run is shown
first, `predictor` answers for one uploaded image, `received` takes uploads that are to be runs, and
`bring` makes runs of them.
"""

from dashboard.data.audits import audit_csv, audit_findings, told_by_runs, usable_audit
from dashboard.data.bring import (
    BusyError,
    ModelPreview,
    add_table,
    cancel_job,
    check_table,
    jobs_fault,
    keep_jobs_going,
    latest_jobs,
    model_classes,
    preview_model,
    retry_job,
    start_evaluation,
    test_splits,
)
from dashboard.data.browsing import (
    Filters,
    Sample,
    balance_by,
    sample_properties,
    samples,
)
from dashboard.data.corrections import (
    NAMES_NOBODY,
    Suspect,
    agreed,
    class_names,
    corrections_made,
    doubtful,
    is_written,
    kept_upload,
    label_of,
    make_manifest,
    manifest_lines,
    picture_to_keep,
    reported_label,
    right_classes,
    say,
    unwritten,
    voices_about,
    waiting,
)
from dashboard.data.dataset import (
    THUMBNAIL_PX,
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
    usable_index,
)
from dashboard.data.files import api_description, images_folder, models_folder
from dashboard.data.one_image import Pictured, activation_map, pictured
from dashboard.data.predictor import (
    EXAMPLES,
    MAX_BYTES,
    Answered,
    Checked,
    Looked,
    MarkedChange,
    answer,
    ask,
    check_answer,
    check_occlusion,
    example,
    look,
    marked_change,
    over_limit,
    square_png,
    warm_up,
)
from dashboard.data.promoted import (
    Candidacy,
    Candidates,
    First,
    Weighed,
    candidates,
    first_run,
    may_be_promoted,
    promote,
    promotions,
    propose,
    take_back,
)
from dashboard.data.received import (
    BUSY,
    CUT_OFF,
    LONG_WORK,
    MOST_UPLOAD_BYTES,
    Readable,
    Upload,
    find_upload,
    forget_upload,
    receive,
)
from dashboard.data.reports import (
    REPORT_KINDS,
    can_print,
    has_report,
    report_html,
    report_pdf,
    run_states,
    why_no_report,
)
from dashboard.data.rows import (
    at_operating_point,
    changed_images,
    compare,
    compare_cells,
    compare_settings,
    compare_sides,
)
from dashboard.data.runs import (
    RunView,
    Scored,
    ThreeFigures,
    answering_run,
    best_by_architecture,
    best_run,
    cell_images,
    curves,
    fault_of,
    find_run,
    latest_pair,
    list_runs,
    named_run,
    passed_over_runs,
    passed_over_words,
    report,
    three_figures,
)
from dashboard.data.selected import (
    Gallery,
    cell_shares,
    cells,
    chosen_calibration,
    chosen_curves,
    chosen_groups,
    chosen_n,
    chosen_report,
    chosen_share,
    gallery,
    left_out_of_slices,
    slice_choices,
    usable,
    weak_spots,
    within_curves,
    within_slices_by,
)
