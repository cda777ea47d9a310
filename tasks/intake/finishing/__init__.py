"""What finishing needs, checked when a sheet is read: templates, texts, fonts, voices, music, captions, placements."""
