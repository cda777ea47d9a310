"""Titles and keywords of a sheet are in the published clips, for stock agencies and asset managers."""

import pytest
from credentials import failures, second_opinion

from adapters.c2pa.signer import DevelopmentCA, open_signer
from adapters.c2pa.verifier import verify
from adapters.media.video_facts import probe
from adapters.media.xmp import read_xmp

pytestmark = pytest.mark.usefixtures("prefect_server")


def test_published_clips_have_the_words_of_their_rows(home, fake_models, tmp_path):
    from flows.campaign import campaign

    path = tmp_path / "stock.csv"
    path.write_text('brief_id,prompt,title,keywords\ncup,a green cup,Green cup,"cup, green; tea"\nplain,a red cup,,\n')
    campaign(sheet=str(path), settings={})
    with open_signer(DevelopmentCA(home / "signer")) as signer:
        anchors = signer.anchors_pem()
    clips = {clip.parent.name: clip for clip in (home / "bucket").rglob("*.mp4")}
    assert read_xmp(clips["plain"]) is None
    xmp = read_xmp(clips["cup"])
    assert (xmp.title, xmp.keywords) == ("Green cup", ("cup", "green", "tea"))
    assert xmp.source_type == "trainedAlgorithmicMedia"
    assert xmp.creator_tool.startswith("Reelmill ")
    assert xmp.ai_system
    for clip in clips.values():
        assert verify(clip, anchors).state == "trusted"
        assert failures(second_opinion(clip, anchors)) == set()
        assert probe(clip).faststart
    assert not list((home / "staging").rglob("unsigned.mp4"))
