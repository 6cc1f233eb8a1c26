"""The promises, each with the tests that prove it and the test that fails when its guard is off."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Promise:
    """A sentence, its tests (``file::function`` below ``tests``), and the control of its guard."""

    text: str
    tests: tuple[str, ...]
    controls: tuple[str, ...] = ()


LONG = "chaos/test_long.py::"
OWN = "chaos/test_own_site.py::"
QUICK = "chaos/test_quick.py::"
LEDGER = "services/test_ledger.py::"
JOBS = "services/test_jobs.py::"
IMAGES = "services/test_images.py::"
DECODE = "ingest/test_decode.py::"
SCALE = "chaos/test_scale.py::"
SANDBOX = "ingest/test_sandbox.py::"
MATRIX = "api/test_matrix.py::"

FAULTS = (
    Promise(
        "A worker child killed loses nothing and embeds nothing twice; a new child within 30 s",
        (LONG + "test_children_are_killed",),
        (LEDGER + "test_a_picture_whose_worker_was_killed_keeps_all_its_attempts",
         "chaos/test_controls.py::test_without_the_look_for_dead_workers_a_lease_has_to_run_out"),
    ),
    Promise(
        "The worker's main process killed: work resumes without an operator within 90 s",
        (LONG + "test_the_worker_is_killed",),
        ("ops/test_supervisor.py::test_the_children_of_a_killed_service_go_before_it_starts_again",),
    ),
    Promise(
        "A message lost in the broker, or never sent, only costs time",
        (LONG + "test_messages_are_lost_or_never_sent",),
        ("chaos/test_controls.py::test_without_the_reconciler_a_lost_message_stays_lost",),
    ),
    Promise(
        "Broker flushed, restarted, frozen or full: nothing lost, uploads still answer 201 in under 3 s",
        (LONG + "test_the_broker_is_flushed_stopped_frozen_and_full",),
        ("services/test_wake.py::test_a_broker_that_hangs_keeps_nobody_waiting",),
    ),
    Promise(
        "PostgreSQL restarted at once during embedding and search: 503 + Retry-After or a retry, then all right",
        (LONG + "test_the_database_is_restarted_while_people_search",),
        (JOBS + "test_a_database_that_went_away_blames_no_picture_and_the_next_task_goes_on",),
    ),
    Promise(
        "Disk full: a plain 507, no ready row without its file, search goes on, recovery by itself",
        (OWN + "test_the_disk_is_full", IMAGES + "test_the_disk_being_full_keeps_nothing"),
    ),
    Promise(
        "Weights missing, truncated or one bit flipped: one clear line; no picture is blamed",
        (OWN + "test_the_weights_go_bad", JOBS + "test_wrong_weights_blame_no_picture"),
        ("embedding/test_checkpoint.py::test_one_flipped_bit_is_refused_before_anything_is_parsed",),
    ),
    Promise(
        "Upload cut off, or the web process killed at any moment: never happened, or will be ready",
        (LONG + "test_uploads_are_cut_off_and_the_web_server_is_killed",
         IMAGES + "test_a_crash_at_any_point_before_the_commit_never_happened"),
    ),
    Promise(
        "The same task delivered five times, or again while running, embeds once",
        (LONG + "test_the_same_task_is_delivered_five_times", JOBS + "test_a_delivery_during_the_work_embeds_once",
         LEDGER + "test_two_workers_never_hold_the_same_job"),
        ("chaos/test_controls.py::test_without_the_leases_token_a_late_worker_commits_a_second_time",),
    ),
    Promise(
        "A picture that crashes, hangs or exhausts the decoder is failed with its reason; the others go on",
        (SANDBOX + "test_whatever_a_decoder_does_becomes_a_reason_and_the_others_go_on",
         SANDBOX + "test_a_decoder_that_sleeps_is_stopped",
         LEDGER + "test_a_passing_error_waits_longer_each_time_and_then_fails"),
    ),
    Promise("SIGTERM: stops within 30 s, nothing recorded as failed", (LONG + "test_the_worker_is_asked_to_stop",)),
    Promise(
        "An index build killed midway is seen and repaired by one command; search stays right meanwhile",
        (SCALE + "test_an_index_build_is_killed",
         "services/test_indexes.py::test_an_invalid_index_is_seen_and_repaired",
         "search/test_query.py::test_without_a_sound_index_the_search_is_exact"),
    ),
    Promise(
        "A new encoder beside the old one: each answer from one encoder, switch and roll-back are one row",
        (SCALE + "test_the_encoder_is_switched_while_people_search",
         "services/test_search.py::test_one_encoder_answers_even_while_another_is_made_active",
         "services/test_encoder_life.py::test_a_switch_is_one_commit_and_leaves_a_trail",
         "services/test_encoder_life.py::test_going_back_needs_no_building"),
    ),
    Promise(
        "A filtered search returns min(k, visible matches), never silently fewer",
        (SCALE + "test_a_filter_never_starves",
         "search/test_filters.py::test_a_filtered_search_finds_what_the_oracle_finds",
         "search/test_query.py::test_an_index_that_gives_too_few_is_followed_by_the_exact_search"),
    ),
    Promise(
        "Backup during uploads, restore on an empty box: the same pictures",
        (SCALE + "test_a_backup_is_made_during_uploads", "services/test_backup.py::test_what_was_backed_up_comes_back",
         "services/test_backup.py::test_a_purge_waits_for_the_backup"),
        ("services/test_backup.py::test_a_damaged_backup_is_refused_and_nothing_is_changed",),
    ),
    Promise("Everything at once: 20 children, 10 workers, 3 flushes, 5 databases", (LONG + "test_everything_at_once",)),
    Promise(
        "Half an hour of uploads, searches, edits and deletions with a worker killed each minute: no 5xx, memory flat",
        (SCALE + "test_a_soak_of_half_an_hour",),
    ),
)  # fmt: skip

BAD_INPUT = (
    Promise("Pixel and frame bombs are refused from the header", (DECODE + "test_bombs_are_refused_from_the_header",)),
    Promise(
        "Only the allowed formats are ever parsed, by content and not by name",
        (DECODE + "test_everything_else_is_refused_with_a_reason",),
    ),
    Promise(
        "Truncated or corrupt files never become half an embedding",
        (DECODE + "test_a_file_that_is_cut_off_is_never_half_a_picture",
         DECODE + "test_flipped_bits_end_in_a_picture_or_a_refusal"),
    ),
    Promise("Odd but legal pictures work", (DECODE + "test_odd_but_legal_pictures_work",)),
    Promise(
        "Original bytes are never served inline; derivatives carry no metadata",
        (DECODE + "test_derivatives_carry_no_metadata",
         DECODE + "test_what_hangs_on_a_picture_does_not_reach_its_derivatives",
         "services/test_downloads.py::test_the_whole_file_is_an_attachment_that_nothing_runs"),
    ),
    Promise(
        "Archives: no path escapes, no links, no bombs, limits on real bytes",
        ("ingest/test_archive.py::test_a_crafted_member_is_refused",
         "ingest/test_archive.py::test_a_crafted_archive_is_refused_as_a_whole",
         "ingest/test_archive.py::test_the_real_bytes_are_counted_while_reading"),
    ),
    Promise("File names are display text only", ("ingest/test_archive.py::test_names_are_display_text",)),
    Promise(
        "k, page, filters, NaN and regions outside the picture are bounded: 400 with the field named",
        ("api/test_search.py::test_every_input_out_of_bounds_is_named",
         "api/test_contract.py::test_every_call_keeps_its_word"),
    ),
    Promise(
        "A damaged or made-up file is a picture or a refusal, and no process that lives long falls over it",
        ("ingest/test_fuzz.py::test_a_damaged_file_is_a_picture_or_a_refusal",),
    ),
    Promise(
        "Bodies over the limit: 413 before they are read, JSON included",
        ("api/test_base.py::test_a_body_over_the_limit_is_refused_unread",
         "api/test_base.py::test_a_body_of_unknown_length_is_refused_unread"),
    ),
)  # fmt: skip

PEOPLE = (
    Promise(
        "One rule decides who sees what, on every address",
        (MATRIX + "test_each_actor_gets_the_answer_of_the_rule",),
        (MATRIX + "test_an_address_without_a_rule_is_noticed",),
    ),
    Promise(
        "Another's private picture answers exactly like one that does not exist",
        ("api/test_images.py::test_another_persons_picture_answers_as_one_that_is_not_there",
         "api/test_search.py::test_hidden_ids_answer_as_absent_ones"),
    ),
    Promise(
        "Media needs a check on each request; private pages are no-store",
        ("api/test_images.py::test_files_are_checked_on_each_request",
         "web/test_media.py::test_what_was_shared_is_gone_once_it_is_not"),
    ),
    Promise(
        "Tokens: stored as digests, scoped, expiring, revocable, shown once",
        ("services/test_accounts.py::test_the_secret_is_not_in_the_database",
         "api/test_accounts.py::test_a_reading_token_searches_but_changes_nothing"),
    ),
    Promise(
        "Limits hold under parallel clients and any X-Forwarded-For",
        ("api/test_limits.py::test_two_hundred_calls_at_once_pass_exactly_the_limit",
         "api/test_limits.py::test_a_forged_header_changes_no_address"),
    ),
    Promise(
        "CSP without inline or evaluated scripts outside the admin, no other host",
        ("ops/test_security.py::test_pages_get_the_strict_policy",
         "ops/test_security.py::test_grants_allow_no_inline_script_and_no_other_host"),
    ),
    Promise("Unsafe starts are refused", ("ops/test_settings.py::test_refused",)),
)  # fmt: skip

SECTIONS = {"Faults": FAULTS, "Bad input": BAD_INPUT, "People": PEOPLE}


def nodes() -> list[str]:
    """Return every test named here, once."""
    named = [node for rows in SECTIONS.values() for row in rows for node in (*row.tests, *row.controls)]
    return list(dict.fromkeys(named))
