"""Check the text engine of finishing and the fonts of this machine."""

from importlib.metadata import PackageNotFoundError, version

from adapters.media.drawing.fonts import FontSet, missing_glyphs
from adapters.media.drawing.skia_library import NOT_INSTALLED, load_skia
from adapters.media.drawing.text import TextBlock, draw_text
from manifests.errors import FinishError
from tasks.doctor.check import FAIL, OK, WARN, Finding

PACKAGE = "skia-python"
SCRIPTS = {
    "Arabic": "قهوة",
    "Armenian": "սուրճ",
    "Bengali": "কফি",
    "Burmese": "ကော်ဖီ",
    "Chinese (simplified)": "咖啡",
    "Chinese (traditional)": "國語點",
    "emoji": "☕🔥",
    "Ethiopic": "ቡና",
    "Georgian": "ყავა",
    "Gujarati": "કોફી",
    "Hebrew": "קפה",
    "Hindi": "कॉफ़ी",
    "Japanese": "珈琲コーヒー",
    "Kannada": "ಕಾಫಿ",
    "Khmer": "កាហ្វេ",
    "Korean": "커피",
    "Lao": "ກາເຟ",
    "Malayalam": "കാപ്പി",
    "Punjabi": "ਕਾਫੀ",
    "Sinhala": "කෝපි",
    "Tamil": "காபி",
    "Telugu": "కాఫీ",
    "Thai": "กาแฟ",
}
"""A word of each script that advertisements often use. Latin, Greek and Cyrillic are always drawn."""


def check_text() -> Finding:
    """Load the text engine, draw a line, and list scripts without a font."""
    try:
        engine = version(PACKAGE)
    except PackageNotFoundError:
        return Finding(OK, f"{NOT_INSTALLED} Without it, clips are published unfinished.")
    try:
        load_skia()
    except FinishError as error:
        return Finding(WARN, str(error))
    try:
        draw_text(TextBlock("Reelmill", "en", FontSet(), 24, 24, (0, 0, 0, 255), 400, 60))
    except FinishError as error:
        return Finding(FAIL, str(error), "Install Reelmill again.")
    without = [script for script, word in SCRIPTS.items() if missing_glyphs(word, FontSet())]
    if not without:
        return Finding(OK, f"{PACKAGE} {engine} draws text; all {len(SCRIPTS)} tested scripts have fonts.")
    return Finding(
        OK,
        f"{PACKAGE} {engine} draws text. No font has {', '.join(without)}. Sheets with them are refused until the "
        "brand kit has one or it is installed: `apt-get install fonts-noto-core fonts-noto-cjk`.",
    )
