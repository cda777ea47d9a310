"""Train all parts in order: `python -m training.all`. Re-run it to resume from the last checkpoint."""

import argparse
import subprocess
import sys

CPU = (
    ("training.vae", "--minutes", "60"),
    ("training.latents",),
    ("training.text", "--minutes", "15"),
    ("training.video", "--minutes", "300", "--still-minutes", "40"),
    ("training.openclip", "--minutes", "30"),
    ("training.judges.motif_judge", "--minutes", "6"),
    ("training.export",),
    ("training.stamp",),
    ("training.evaluate",),
    ("training.page",),
)
CUDA = (
    ("training.vae", "--minutes", "6", "--batch", "16"),
    ("training.latents", "--clips", "60000", "--stills", "120000"),
    ("training.text", "--minutes", "3", "--batch", "1024"),
    ("training.video", "--minutes", "25", "--still-minutes", "4"),
    ("training.openclip", "--minutes", "5", "--batch", "512"),
    ("training.judges.motif_judge", "--minutes", "2", "--batch", "256"),
    ("training.export",),
    ("training.stamp",),
    ("training.evaluate",),
    ("training.page",),
)


def main() -> None:
    import torch

    parser = argparse.ArgumentParser(description=__doc__)
    parser.parse_args()
    for module, *options in CUDA if torch.cuda.is_available() else CPU:
        print(f"{module} {' '.join(options)}", flush=True)
        subprocess.run([sys.executable, "-m", module, *options], check=True)


if __name__ == "__main__":
    main()
