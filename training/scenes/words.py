"""The words of captions."""

COLOUR_WORDS = {
    "red": ("red", "crimson", "scarlet", "ruby"),
    "orange": ("orange", "tangerine", "amber"),
    "yellow": ("yellow", "golden", "lemon"),
    "green": ("green", "emerald", "grassy"),
    "teal": ("teal", "turquoise", "cyan", "aqua"),
    "blue": ("blue", "cobalt", "azure", "sapphire"),
    "purple": ("purple", "violet", "plum"),
    "pink": ("pink", "rose", "rosy"),
    "white": ("white", "ivory", "snowy"),
    "black": ("black", "ebony", "jet"),
}
SINGULAR = {
    "circle": ("circle", "disc", "ball", "round shape"),
    "square": ("square", "box", "block", "tile"),
    "triangle": ("triangle", "pyramid", "three cornered shape"),
    "bottle": ("bottle", "flask", "perfume bottle", "water bottle"),
    "cup": ("cup", "mug", "coffee cup", "tea cup", "coffee mug"),
    "shoe": ("shoe", "sneaker", "boot", "trainer", "running shoe"),
    "phone": ("phone", "smartphone", "mobile phone", "handset", "mobile"),
    "gradient": ("gradient", "fade", "soft gradient", "colour blend", "color blend"),
}
PLURAL = {
    "bokeh": ("bokeh", "bokeh lights", "soft lights", "blurred lights", "blurry lights"),
    "particles": ("particles", "dots", "specks", "sparks", "polka dots"),
    "snow": ("snow", "snowflakes", "flakes", "snowfall", "snow flakes"),
    "waves": ("waves", "wavy lines", "ripples", "wave pattern"),
    "stripes": ("stripes", "bars", "bands", "straight lines", "striped pattern"),
    "rings": ("rings", "concentric rings", "hoops", "concentric circles"),
    "confetti": ("confetti", "paper confetti", "confetti pieces", "party confetti"),
    "gradient": ("gradients",),
}
MOTION_WORDS = {
    "drifting left": (
        "drifting left", "moving left", "sliding left", "gliding to the left", "drifting to the left",
        "floating left", "panning left", "moving leftwards", "going left", "drifting leftward",
    ),
    "drifting right": (
        "drifting right", "moving right", "sliding right", "gliding to the right", "drifting to the right",
        "floating right", "panning right", "moving rightwards", "going right", "drifting rightward",
    ),
    "drifting up": (
        "drifting up", "moving up", "sliding up", "rising", "drifting upwards", "floating up", "ascending",
        "moving upward", "going up", "climbing",
    ),
    "drifting down": (
        "drifting down", "moving down", "sliding down", "falling", "drifting downwards", "sinking", "dropping",
        "falling down", "moving downward", "going down", "raining down", "descending",
    ),
    "zooming in": (
        "zooming in", "growing", "getting bigger", "coming closer", "getting closer", "expanding", "enlarging",
        "zoom in", "getting larger",
    ),
    "zooming out": (
        "zooming out", "shrinking", "getting smaller", "moving away", "receding", "contracting", "zoom out",
        "going away",
    ),
    "rotating": ("rotating", "spinning", "turning", "revolving", "rotating clockwise", "turning around", "twirling"),
    "pulsing": ("pulsing", "pulsating", "beating", "throbbing", "breathing", "pulsing rhythmically"),
}  # fmt: skip
BACKGROUNDS = (
    "on a {} background", "on a {} background", "on a {} background", "against a {} background",
    "against a {} backdrop", "on a {} backdrop", "over a {} background", "over {}", "on {}", "against {}",
    "with a {} background", "in front of a {} background", "in front of a {} wall", "with {} behind",
    "set on {}", "and a {} background",
)  # fmt: skip
BACKGROUND_LABELS = ("{} background", "{} backdrop", "background {}", "background is {}", "{} behind it")
OPENINGS = (
    "a video of", "a clip of", "an ad with", "footage of", "an animation of", "product shot of", "cinematic shot of",
    "a short film of", "we see", "show", "show me", "please make", "motion graphics of", "a loop of", "picture",
    "imagine", "a close up of", "a scene with", "a teaser with", "banner with",
)  # fmt: skip
FILLERS = (
    "cinematic", "4k", "8k", "hd", "high quality", "smooth", "seamless loop", "for the spring sale",
    "for the summer sale", "for the winter campaign", "for the autumn launch", "for black friday", "minimal",
    "minimalist", "clean", "flat design", "studio lighting", "bright", "modern", "elegant", "premium", "brand film",
    "social media ad", "advert", "trending", "professional", "slow motion", "with a calm mood", "playful",
    "new collection", "for our customers", "shop now", "limited offer", "eye catching", "bold", "vivid colours",
    "vivid colors", "simple", "nice", "beautiful", "for instagram", "for tiktok", "for youtube", "in 2026",
    "dynamic", "energetic", "luxury", "fresh", "happy holidays", "new year", "product launch", "super sharp",
    "highly detailed", "soft light", "motion design", "no text", "looping", "our brand", "this week only",
)  # fmt: skip
ADJECTIVES = (
    "bright", "vivid", "bold", "big", "large", "small", "simple", "shiny", "glossy", "matte", "flat", "solid",
    "beautiful", "elegant", "new", "single", "deep", "dark", "light", "pure", "plain", "little", "stylish", "lovely",
)  # fmt: skip
ADVERBS = ("slowly", "gently", "smoothly", "quickly", "softly", "steadily", "gracefully", "calmly", "fast")
VAGUE = ("shape", "thing", "something", "object", "pattern", "scene", "picture", "item", "product")
COLOURED = ("coloured", "colored", "tinted")
JOINERS = ("that is", "which is", "is", "keeps", "while", "it is", "they are", "are", "slowly it is")
SMALL = (
    "a", "an", "the", "some", "many", "of", "in", "on", "at", "to", "and", "with", "for", "from", "by", "as", "our",
    "your", "its", "it", "this", "that", "very", "more", "no", "not", "camera", "across", "through", "screen",
    "frame", "colour", "color", "view", "style", "effect", "one", "two", "lots", "shot", "around", "into", "all",
)  # fmt: skip


def vocabulary() -> list[str]:
    """Return each word of the captions once, in a fixed order."""
    groups = [
        *COLOUR_WORDS.values(), *SINGULAR.values(), *PLURAL.values(), *MOTION_WORDS.values(), BACKGROUNDS,
        BACKGROUND_LABELS, OPENINGS, FILLERS, ADJECTIVES, ADVERBS, VAGUE, COLOURED, JOINERS, SMALL,
    ]  # fmt: skip
    words = " ".join(phrase.replace("{}", " ") for group in groups for phrase in group).split()
    return list(dict.fromkeys(words))
