"""Statistics of a campaign, compared with the same counts in Python."""

from collections import Counter
from dataclasses import replace

import samples
from decisions import decide

from adapters.catalogue import Catalogue
from adapters.catalogue.views.campaign_stats import BIN
from manifests.campaign import Campaign
from manifests.scoring.score import Score
from manifests.scoring.verdict import Reason, Verdict

REASONS = (
    (),
    (Reason("adherence", 'it says "no],["'),),
    (Reason("rank", "others fit"), Reason("adherence", "low")),
    (Reason("black", "x" * 900),),
)


def judged(catalogue: Catalogue) -> list[tuple[float, tuple[Reason, ...]]]:
    ids, done = samples.filled(catalogue, 24), []
    for index, key in enumerate(ids[:20]):
        [lease] = samples.take(catalogue, [key])
        catalogue.results.mark_rendered(lease, samples.clip(key))
        value, reasons = round(-0.1 + 0.0317 * index, 4), REASONS[index % 4]
        catalogue.results.mark_judged(lease, Score(key, {}, value, 1, 7), Verdict(key, reasons))
        done.append((value, reasons))
    return done


def test_scores_are_counted_in_bins(catalogue: Catalogue):
    done = judged(catalogue)
    bins = catalogue.campaign_stats.score_bins(samples.campaign().campaign_id)
    assert sum(each.number for each in bins) == 20
    assert sum(each.open for each in bins) == sum(
        {reason.code for reason in reasons} <= {"adherence"} for _, reasons in done
    )
    for each in bins:
        inside = [value for value, _ in done if each.lowest - 1e-9 <= value < each.lowest + BIN - 1e-9]
        assert len(inside) == each.number
    assert {each.brief_id for each in bins} == {"b1"}


def test_reasons_are_counted(catalogue: Catalogue):
    done = judged(catalogue)
    expected = Counter(reason.code for _, reasons in done for reason in reasons)
    assert catalogue.campaign_stats.reasons(samples.campaign().campaign_id) == dict(expected)


def test_generated_clips_and_pace(catalogue: Catalogue):
    campaign_id = samples.campaign().campaign_id
    judged(catalogue)
    assert catalogue.campaign_stats.generated_by_card(campaign_id) == [("starter", 20)]
    assert catalogue.campaign_stats.pace(campaign_id) > 1
    assert catalogue.campaign_stats.pace("nothing") == 0
    assert catalogue.progress.left_to_deliver() == {}


def test_labels_are_reviews_of_scored_clips(catalogue: Catalogue):
    judged(catalogue)
    rows = {
        row.variant_id: row
        for row in catalogue.gallery.rows(
            [row.variant_id for row in catalogue.variants.of_campaign(samples.campaign().campaign_id)]
        )
    }
    for row in list(rows.values())[:8]:
        catalogue.reviews.record({row.variant_id: row.seen}, "rejected", "person:ann")
    catalogue.reviews.undo([next(iter(rows))], "person:ann")
    labels = catalogue.labels.all(samples.campaign().campaign_id)
    assert len(labels) == 7
    assert {label.author for label in labels} == {"person:ann"}
    for label in labels:
        codes = {reason.code for reason in rows[label.variant_id].reasons}
        assert (label.only_adherence, label.passes) == (codes <= {"adherence"}, not codes)
    assert catalogue.labels.all("nothing") == []


def wanting(want: int | None) -> Campaign:
    """Return a campaign whose first brief wants a number of clips."""
    first, second = samples.campaign().briefs
    return replace(samples.campaign(), briefs=(replace(first, want=want), second))


def test_variants_of_a_satisfied_brief_are_counted_as_not_needed(catalogue: Catalogue):
    campaign = wanting(2)
    catalogue.campaigns.add(campaign, {})
    planned = samples.planned(6)
    catalogue.campaigns.add_variants(campaign.campaign_id, planned)
    ids = [item.variant_id for item in planned]
    samples.bring_to(catalogue, ids[0], "published")
    assert catalogue.progress.tally(campaign.campaign_id) == {"published": 1, "planned": 5}
    samples.bring_to(catalogue, ids[1], "passed")
    samples.bring_to(catalogue, ids[2], "leased")
    expected = {"published": 1, "passed": 1, "leased": 1, "not needed": 3}
    assert catalogue.progress.tally(campaign.campaign_id) == expected
    assert catalogue.progress.not_needed(campaign.campaign_id) == frozenset(ids[3:])


def test_a_rejected_clip_makes_the_others_needed_again(catalogue: Catalogue):
    campaign = wanting(1)
    catalogue.campaigns.add(campaign, {})
    planned = samples.planned(3)
    catalogue.campaigns.add_variants(campaign.campaign_id, planned)
    samples.bring_to(catalogue, planned[0].variant_id, "passed")
    assert catalogue.progress.tally(campaign.campaign_id) == {"passed": 1, "not needed": 2}
    decide(catalogue, [planned[0].variant_id], "rejected", "ann", "dull")
    assert catalogue.progress.tally(campaign.campaign_id) == {"rejected": 1, "planned": 2}


def test_a_variant_that_another_brief_needs_is_planned(catalogue: Catalogue):
    campaign = wanting(1)
    catalogue.campaigns.add(campaign, {})
    catalogue.campaigns.add_variants(campaign.campaign_id, samples.planned(3))
    catalogue.campaigns.add_variants(campaign.campaign_id, samples.planned(2, "b2"))
    ids = [item.variant_id for item in samples.planned(3)]
    samples.bring_to(catalogue, ids[0], "published")
    assert catalogue.progress.tally(campaign.campaign_id) == {"published": 1, "planned": 1, "not needed": 1}
    assert catalogue.progress.not_needed(campaign.campaign_id) == {ids[2]}


def test_clips_that_a_person_rejected_after_they_failed_have_not_passed(catalogue: Catalogue):
    ids = samples.filled(catalogue, 4)
    for key, state in zip(ids, ("published", "rejected", "failed"), strict=False):
        samples.bring_to(catalogue, key, state)
    decide(catalogue, [ids[2]], "rejected", "ann", "dull")
    campaign_id = samples.campaign().campaign_id
    assert catalogue.progress.tally(campaign_id) == {"published": 1, "rejected": 2, "planned": 1}
    assert catalogue.progress.passed(campaign_id) == 2


def test_a_combination_that_has_its_clips_leaves_the_others_planned(catalogue: Catalogue):
    first, second = samples.campaign().briefs
    campaign = replace(samples.campaign(), briefs=(replace(first, want=1, want_scope="combination"), second))
    catalogue.campaigns.add(campaign, {})
    planned = [
        item._replace(labels=(("colour", "red" if place < 3 else "blue"),))
        for place, item in enumerate(samples.planned(6))
    ]
    catalogue.campaigns.add_variants(campaign.campaign_id, planned)
    samples.bring_to(catalogue, planned[0].variant_id, "passed")
    assert catalogue.progress.tally(campaign.campaign_id) == {"passed": 1, "planned": 3, "not needed": 2}
    assert catalogue.progress.not_needed(campaign.campaign_id) == {item.variant_id for item in planned[1:3]}
