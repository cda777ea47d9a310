"""Texts in many scripts, and frames in four aspect ratios, for tests of templates."""

from manifests.finish.design.frame import Frame
from manifests.placements.preset import SafeZone

RATIOS = ("16:9", "1:1", "4:5", "9:16")
SHORT_SIDE = 540
"""Of frames, in pixels."""
NO_ZONE = SafeZone()
TIKTOK = SafeZone(top=0.08, right=0.15, bottom=0.35, left=0.06)
TEXTS = {
    "en": {
        "cta": "Shop now",
        "headline": "Fresh coffee every morning",
        "price": "€ 9.90",
        "legal": "Offer ends 31 December. Terms apply.",
    },
    "de": {
        "cta": "Jetzt Frühbucherrabatt für Fernwärmeanschlüsse sichern",
        "headline": "Kraftfahrzeughaftpflichtversicherung jetzt wechseln und bares Geld sparen",
        "price": "nur 1.249,99 € pro Monat",
        "legal": "Angebot gültig bis 31.12.2026 in teilnehmenden Filialen in Deutschland und Österreich. Nicht mit "
        "anderen Rabatten kombinierbar. Es gelten die Allgemeinen Geschäftsbedingungen.",
    },
    "ar": {
        "cta": "تسوّق الآن",
        "headline": "قهوة طازجة كل صباح مع خصم ٢٠٪ اليوم فقط",
        "price": "٤٩٫٩٠ درهم",
        "legal": "العرض سارٍ حتى ٣١ ديسمبر ٢٠٢٦. تطبق الشروط والأحكام.",
    },
    "hi": {
        "cta": "अभी ख़रीदें और बचत करें",
        "headline": "हर सुबह ताज़ा कॉफ़ी, आज बीस प्रतिशत छूट",
        "price": "₹ 499 से शुरू",
        "legal": "प्रस्ताव 31 दिसंबर 2026 तक मान्य। नियम और शर्तें लागू।",
    },
    "ja": {
        "cta": "今すぐ購入する",
        "headline": "毎朝挽きたての新鮮なコーヒーを、今だけ全品二割引でお届けします",
        "price": "¥1,980(税込)",
        "legal": "2026年12月31日まで。一部店舗を除きます。他の割引との併用はできません。",
    },
    "en-GB": {
        "cta": "Get it ☕🔥",
        "headline": "Coffee time ☕️ for the 👩‍👩‍👧‍👦 family 🇩🇪",
        "price": "🎁 −20 %",
        "legal": "Terms apply ✅",
    },
}
"""By language; that of British English has emoji."""


def frame_of(ratio: str, zone: SafeZone = NO_ZONE, *, intro_s: float = 0.0, end_card_s: float = 2.0) -> Frame:
    """Return a small frame with 5 s of footage."""
    across, down = map(float, ratio.split(":"))
    scale = SHORT_SIDE / min(across, down)
    width, height = (round(side * scale / 2) * 2 for side in (across, down))
    return Frame(width, height, ratio, 24.0, intro_s, 5.0, end_card_s, zone)
