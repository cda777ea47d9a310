"""Draw text, logos and layers with Skia; the only importer of ``skia``."""
