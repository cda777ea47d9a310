"""Content that is probably meant for something else: options of other tools, headings between prompts."""
