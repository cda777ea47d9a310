"""The sound of a deliverable: decode, mix, duck, limit and measure. All samples are float32 (2, n) at 48 kHz."""
