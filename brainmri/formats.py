"""Which files count as images. Apart from `brainmri.images`, so that finding them loads no decoder."""

FORMATS = ("JPEG", "PNG", "BMP", "TIFF")
SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff"})
