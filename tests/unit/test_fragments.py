"""Parts of fragmented videos: an intact one is never reported as changed."""

import io
import shutil

import pytest
from cli_runner import reelmill
from credentials import boxes, clip_bytes
from fragmented_video import C2PA_UUID, write_fragmented_video
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adapters.c2pa.fragments import part_of, part_of_file
from adapters.c2pa.verifier import verify
from manifests.errors import CredentialError


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    """A signed video in three fragments."""
    return write_fragmented_video(tmp_path_factory.mktemp("stream"))


def changed(path, folder, position=-1):
    copy = folder / path.name
    data = bytearray(path.read_bytes())
    data[position] ^= 1
    copy.write_bytes(data)
    return copy


def test_an_intact_initialization_segment_is_not_called_changed(video):
    report = verify(video.init, video.anchors)
    assert report.state == "incomplete"
    assert report.sentence == (
        "no change was found, but this is only a part of a fragmented video (DASH or HLS) (its content can be checked "
        "only together with its fragments: `reelmill verify INIT_SEGMENT FRAGMENT…`, with the initialization segment "
        "and all fragments)"
    )
    assert report.signer.subject.endswith("Reelmill development signer")
    assert report.actions == ("captured by a camera",)


def test_it_is_trusted_together_with_all_fragments(video):
    report = verify(video.init, video.anchors, fragments=video.fragments)
    assert (report.state, report.fragments, report.findings) == ("trusted", 3, ())


def test_an_unknown_signer_is_named(video):
    assert "the signer is not trusted" in verify(video.init).sentence
    assert verify(video.init, fragments=video.fragments).state == "valid"


def test_a_missing_fragment_is_counted(video):
    report = verify(video.init, video.anchors, fragments=[*video.fragments[:2], video.fragments[0]])
    assert (report.state, report.fragments) == ("incomplete", 2)
    assert "2 of its 3 fragments were checked; give all of them" in report.sentence


def test_a_changed_fragment_is_named(video, tmp_path):
    bad = changed(video.fragments[1], tmp_path)
    report = verify(video.init, video.anchors, fragments=[video.fragments[0], bad, video.fragments[2]])
    assert report.state == "invalid"
    assert [each.sentence for each in report.findings] == [
        "the fragment seg-1.m4s was changed after signing, or belongs to another video"
    ]


def test_a_fragment_of_another_video_is_named(video, tmp_path):
    other = write_fragmented_video(tmp_path, shade=90)
    report = verify(video.init, video.anchors, fragments=[*video.fragments[:2], other.fragments[1]])
    assert report.state == "invalid"


def test_a_changed_initialization_segment_is_invalid_with_its_fragments(video, tmp_path):
    report = verify(changed(video.init, tmp_path), video.anchors, fragments=video.fragments)
    assert report.state == "invalid"


def test_a_changed_credential_is_invalid_without_fragments(video, tmp_path):
    data = video.init.read_bytes()
    bad = changed(video.init, tmp_path, data.index(b"A streaming server"))
    report = verify(bad, video.anchors)
    assert report.state == "invalid"
    assert "the credential was changed after signing" in report.sentence


def test_a_stripped_initialization_segment_is_verified_by_its_sidecar(video, tmp_path):
    data = video.init.read_bytes()
    (_, start, end) = next(box for box in boxes(data) if data[box[1] + 8 : box[1] + 24] == C2PA_UUID)
    (tmp_path / "init.mp4").write_bytes(data[:start] + data[end:])
    (tmp_path / "init.c2pa").write_bytes(data[start + 8 + 16 + 4 + len("manifest\0") + 8 : end])
    stripped = tmp_path / "init.mp4"
    assert verify(stripped, video.anchors).state == "absent"
    alone = verify(stripped, video.anchors, tmp_path / "init.c2pa")
    assert (alone.state, alone.from_sidecar) == ("incomplete", True)
    assert verify(stripped, video.anchors, tmp_path / "init.c2pa", fragments=video.fragments).state == "trusted"


def test_a_fragment_alone_is_not_called_no_media_file(video):
    with pytest.raises(CredentialError, match=r"seg-0.m4s is a fragment .* together with its initialization segment"):
        verify(video.fragments[0])


@pytest.mark.parametrize("count", [0, 1])
def test_only_parts_of_a_video_are_put_together(video, tmp_path, count):
    whole = tmp_path / "clip.mp4"
    whole.write_bytes(clip_bytes())
    with pytest.raises(CredentialError):
        verify(whole, fragments=video.fragments) if count else verify(video.init, fragments=[whole])


def test_a_fragmented_video_in_one_file_is_no_part(video, tmp_path):
    whole = tmp_path / "whole.mp4"
    whole.write_bytes(b"".join(path.read_bytes() for path in (video.init, *video.fragments)))
    assert part_of_file(whole) is None
    assert part_of_file(video.init) == "init"
    assert part_of_file(video.fragments[2]) == "fragment"
    assert part_of_file(tmp_path / "gone.mp4") is None


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_a_changed_byte_is_never_trusted(video, tmp_path, data):
    """Each byte of the content; the credential itself contains padding."""
    (_, start, end) = next(box for box in boxes(video.init.read_bytes()) if box[0] == "moov")
    position = data.draw(st.integers(start, end - 1))
    bad = changed(video.init, tmp_path, position)
    try:
        state = verify(bad, video.anchors, fragments=video.fragments).state
    except CredentialError:
        return
    assert state in ("invalid", "absent")


@given(st.binary(max_size=200))
def test_any_bytes_have_a_part_or_none(content):
    assert part_of(io.BytesIO(content)) in (None, "init", "fragment")


def test_the_command_puts_the_parts_together_in_any_order(video, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("REELMILL_HOME", str(tmp_path / "home"))
    anchors = tmp_path / "anchors.pem"
    anchors.write_text(video.anchors)
    together = reelmill(capsys, "verify", *video.fragments, video.init, "--anchors", anchors)
    assert together.code == 0, together.out + together.err
    assert "checked with 3 fragments" in together.out
    alone = reelmill(capsys, "verify", video.init, "--anchors", anchors)
    assert (alone.code, "incomplete" in alone.out) == (1, True)
    fragment = reelmill(capsys, "verify", video.fragments[0], "--anchors", anchors)
    assert "is a fragment of a fragmented video" in fragment.err
    other = tmp_path / "other.mp4"
    shutil.copy(video.init, other)
    both = reelmill(capsys, "verify", video.init, other, *video.fragments, "--anchors", anchors)
    assert "Verify each one together with its own fragments" in both.err
