"""Follow the subject of a clip; the only importer of ``cv2``."""
