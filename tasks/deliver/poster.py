"""Check the poster of a clip before it is embedded in the Content Credential."""

from pathlib import Path

from adapters.media.picture import InvalidPictureError, inspect_picture, picture_bytes
from adapters.media.video import write_poster
from adapters.media.video_frames import frames_at
from manifests.clip import Clip


def restore_poster(clip: Clip) -> None:
    """Write the poster again from the master, unless it is a JPEG of the clip's size.

    The approval covers the hash of the master, but not that of the poster. The poster becomes the thumbnail of the
    credential and a public object, so it must not be any other file.

    Args:
        clip: the clip with the paths of its files on this machine; the hash of the master was checked.

    Raises:
        EncodingError: the master is not a readable video.
        DiskFullError: the disk is full.
    """
    if not is_poster(clip.poster, clip.height, clip.width):
        [middle] = frames_at(clip.path, [clip.num_frames // 2])
        write_poster(middle, clip.poster)


def is_poster(path: Path, height: int, width: int) -> bool:
    """Return whether a file is a JPEG of this size in pixels."""
    try:
        picture = inspect_picture(path, picture_bytes(path))
    except InvalidPictureError:
        return False
    return (picture.media_type, picture.height, picture.width) == ("image/jpeg", height, width)
