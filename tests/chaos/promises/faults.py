"""What is kept when processes die, messages get lost, disks fill up and machines stop."""

from __future__ import annotations

from tests.chaos.promises.row import Promise

LONG = "chaos/test_long.py::"
BACKLOG = "chaos/test_backlog.py::"
OWN = "chaos/test_own_site.py::"
SCALE = "chaos/test_scale.py::"
CONTROLS = "chaos/test_controls.py::"
LEDGER = "services/test_ledger.py::"
JOBS = "services/test_jobs.py::"
IMAGES = "services/test_images.py::"
UNGUARDED = "services/test_unguarded.py::"
SANDBOX = "ingest/test_sandbox.py::"
SUPERVISOR = "ops/test_supervisor.py::"
LATE_WORKER = CONTROLS + "test_without_the_leases_token_a_late_worker_commits_a_second_time"
LOST_MESSAGE = LONG + "test_without_the_reconciler_a_lost_message_stays_lost"
DEAD_WORKER = CONTROLS + "test_without_the_look_for_dead_workers_a_lease_has_to_run_out"

FAULTS = (
    Promise(
        "A worker child killed loses nothing and embeds nothing twice; a new child within 30 s",
        (LONG + "test_children_are_killed", LONG + "test_a_child_that_takes_long_to_start_is_waited_for",
         LEDGER + "test_a_picture_whose_worker_was_killed_keeps_all_its_attempts"),
        (DEAD_WORKER, LATE_WORKER),
    ),
    Promise(
        "The worker's main process killed: work resumes without an operator within 90 s",
        (LONG + "test_the_worker_is_killed",
         SUPERVISOR + "test_the_children_of_a_killed_service_go_before_it_starts_again"),
        (SUPERVISOR + "test_without_the_supervisor_a_killed_service_stays_away",
         SUPERVISOR + "test_without_ending_orphans_a_child_works_on_beside_its_successor"),
    ),
    Promise(
        "A message lost in the broker, or never sent, only costs time",
        (LONG + "test_messages_are_lost_or_never_sent",),
        (LOST_MESSAGE,),
    ),
    Promise(
        "Broker flushed, restarted, frozen or full: nothing lost, uploads still answer 201 in under 3 s",
        (LONG + "test_the_broker_is_flushed_stopped_frozen_and_full",
         "services/test_wake.py::test_a_broker_that_hangs_keeps_nobody_waiting"),
        (UNGUARDED + "test_without_the_sender_a_request_waits_for_a_broker_that_hangs", LOST_MESSAGE),
    ),
    Promise(
        "PostgreSQL restarted (immediate) during embedding and search: 503 + Retry-After or a retry, then all right",
        (LONG + "test_the_database_is_restarted_while_people_search",
         JOBS + "test_a_database_that_went_away_blames_no_picture_and_the_next_task_goes_on",
         "web/test_outage.py::test_a_database_that_is_away_is_503_everywhere"),
        (UNGUARDED + "test_where_the_database_is_taken_for_the_picture_an_attempt_is_lost",
         "web/test_outage.py::test_without_the_last_net_a_database_that_is_away_is_a_500"),
    ),
    Promise(
        "Disk full: a plain 507/503, no ready row without its file, search goes on, recovery by itself",
        (OWN + "test_the_disk_is_full", IMAGES + "test_the_disk_being_full_keeps_nothing"),
        (UNGUARDED + "test_without_its_own_name_a_full_disk_is_nobody_s_answer",
         UNGUARDED + "test_files_that_come_after_the_commit_leave_a_row_without_its_file"),
    ),
    Promise(
        "Weights missing, truncated or one bit flipped: the worker refuses to start with one clear line; "
        "no picture is blamed",
        (OWN + "test_the_weights_go_bad", "services/test_wake.py::test_wrong_weights_end_a_worker_that_is_to_embed",
         JOBS + "test_wrong_weights_blame_no_picture",
         "ops/test_health.py::test_readyz_names_altered_weights_until_they_are_put_back",
         "embedding/test_checkpoint.py::test_one_flipped_bit_is_refused_before_anything_is_parsed"),
        ("services/test_wake.py::test_without_the_digest_a_worker_starts_with_wrong_weights",
         "embedding/test_checkpoint.py::test_without_the_digest_one_flipped_bit_gives_other_vectors"),
    ),
    Promise(
        "Upload cut off, or the web process killed after file, row or commit: never happened, or will be ready",
        (LONG + "test_uploads_are_cut_off_and_the_web_server_is_killed",
         "chaos/test_end_points.py::test_the_web_server_is_killed_at_each_point_of_an_upload",
         "services/test_leftovers.py::test_a_kill_before_the_commit_leaves_files_that_go_by_themselves",
         "services/test_crashes.py::test_a_crash_before_the_commit_never_happened",
         "services/test_crashes.py::test_a_crash_after_the_commit_leaves_a_picture_that_becomes_ready"),
        ("services/test_crashes.py::test_without_the_one_transaction_a_crash_leaves_half_a_picture",
         UNGUARDED + "test_files_that_come_after_the_commit_leave_a_row_without_its_file"),
    ),
    Promise(
        "The same task delivered five times, or again while running, embeds once",
        (LONG + "test_the_same_task_is_delivered_five_times",
         OWN + "test_a_message_is_delivered_again_while_its_task_works",
         JOBS + "test_a_delivery_during_the_work_embeds_once", LEDGER + "test_two_workers_never_hold_the_same_job"),
        (OWN + "test_without_the_lease_the_next_to_get_the_message_does_the_work_again", LATE_WORKER),
    ),
    Promise(
        "A picture that crashes, hangs or exhausts the decoder is failed with its reason within 3 attempts; "
        "the others go on",
        ("chaos/test_decoders.py::test_pictures_that_misbehave_are_failed_and_the_others_go_on",
         SANDBOX + "test_whatever_a_decoder_does_becomes_a_reason_and_the_others_go_on",
         SANDBOX + "test_a_decoder_that_sleeps_is_stopped",
         SANDBOX + "test_a_decoder_that_claims_much_memory_gets_none",
         LEDGER + "test_a_passing_error_waits_longer_each_time_and_then_fails"),
        ("ingest/test_unguarded.py::test_without_the_sandbox_a_decoder_that_crashes_takes_its_process_along",
         "ingest/test_unguarded.py::test_without_a_limit_on_time_a_decoder_that_sleeps_keeps_its_caller",
         "ingest/test_unguarded.py::test_without_a_limit_on_memory_a_decoder_gets_what_it_claims",
         CONTROLS + "test_without_a_bound_a_picture_that_ends_every_worker_comes_for_ever"),
    ),
    Promise(
        "SIGTERM: stops within 30 s, nothing recorded as failed",
        (LONG + "test_the_worker_is_asked_to_stop", "services/test_long_jobs.py::test_orderly_ends_cost_no_attempts",
         "services/test_long_jobs.py::test_the_signal_to_end_gives_back_what_is_going_on",
         BACKLOG + "test_a_busy_stop_kills_nobody_and_costs_no_attempt"),
        (UNGUARDED + "test_without_a_bound_on_its_time_a_task_goes_on_while_there_is_work",
         UNGUARDED + "test_where_stops_count_as_bad_ends_a_picture_is_recorded_as_failed"),
    ),
    Promise(
        "A backlog of 12,000 pictures: reconcile and purge run at least every minute, and the status stays true",
        (BACKLOG + "test_upkeep_goes_on_beside_a_long_backlog",
         "services/test_wake.py::test_upkeep_comes_before_any_number_of_pictures"),
        ("services/test_wake.py::test_without_its_priority_upkeep_comes_after_all_pictures",),
    ),
    Promise(
        "An index build killed midway is seen and repaired by one command; search stays right meanwhile (exact)",
        (SCALE + "test_an_index_build_is_killed",
         "services/test_indexes.py::test_an_invalid_index_is_seen_and_repaired",
         "search/test_query.py::test_without_a_sound_index_the_search_is_exact"),
        ("services/test_indexes.py::test_without_the_look_at_it_a_broken_index_is_taken_for_sound_and_stays",),
    ),
    Promise(
        "A new encoder is embedded beside the old one while people search: no 5xx, each answer from one encoder, "
        "switch and roll-back are one row",
        ("chaos/test_switch.py::test_the_encoder_is_switched_while_people_search",
         "services/test_search.py::test_one_encoder_answers_even_while_another_is_made_active",
         "services/test_encoder_life.py::test_a_switch_is_one_commit_and_leaves_a_trail",
         "services/test_encoder_life.py::test_going_back_needs_no_building"),
        (UNGUARDED + "test_where_the_encoder_is_read_twice_an_answer_mixes_two",),
    ),
    Promise(
        "A filtered search returns min(k, visible matches), never silently fewer",
        (SCALE + "test_a_filter_never_starves",
         "search/test_filters.py::test_a_filtered_search_finds_what_the_oracle_finds",
         "search/test_query.py::test_an_index_that_gives_too_few_is_followed_by_the_exact_search"),
        ("search/test_query.py::test_without_the_wider_scan_a_filter_starves_the_index",),
    ),
    Promise(
        "Backup during uploads, restore on an empty box: the same pictures, the same top ten",
        (SCALE + "test_a_backup_is_made_during_uploads", "services/test_backup.py::test_what_was_backed_up_comes_back",
         "services/test_backup.py::test_a_purge_waits_for_the_backup",
         "services/test_backup.py::test_a_backup_of_a_busy_site_comes_back_whole"),
        (UNGUARDED + "test_without_the_pause_a_purge_takes_files_out_of_a_backup",
         "services/test_backup.py::test_without_going_back_in_line_a_good_backup_ends_in_findings"),
    ),
    Promise(
        "A backup of which any byte was altered is refused before a row or a file is changed",
        ("services/test_backup.py::test_a_damaged_backup_is_refused_and_nothing_is_changed",
         "services/test_backup.py::test_any_bit_is_looked_at",
         "services/test_backup.py::test_a_dump_that_the_database_refuses_leaves_no_file"),
        ("services/test_backup.py::test_without_the_digests_an_altered_file_is_let_in",),
    ),
    Promise(
        "The audit finds every kind of damage of files, vectors, rows and times, and the repair mends what is safe",
        ("services/test_audit.py::test_each_plant_is_found_and_mended_where_that_is_safe",
         "services/test_audit.py::test_a_sound_system_has_no_findings"),
        ("services/test_audit.py::test_without_digests_exchanged_thumbnails_and_vectors_pass",),
    ),
    Promise(
        "A clock that was wrong costs one round of the scheduler; a dead scheduler is named; one works at a time",
        ("ops/test_scheduler.py::test_a_clock_that_was_ahead_costs_one_round",
         "ops/test_scheduler.py::test_a_clock_that_is_set_back_costs_one_round",
         "ops/test_scheduler.py::test_one_scheduler_is_enough_and_the_next_takes_over",
         "ops/test_health.py::test_readyz_names_a_dead_scheduler_whatever_its_clock_said"),
        ("ops/test_scheduler.py::test_celerys_own_scheduler_is_silenced_by_it",),
    ),
    Promise(
        "Everything at once: 20 children, 10 workers, 3 flushes, 5 databases",
        (LONG + "test_everything_at_once",),
        (DEAD_WORKER, LOST_MESSAGE, LATE_WORKER),
    ),
    Promise(
        "Half an hour of uploads, searches, edits and deletions with a worker killed each minute: no 5xx, memory flat",
        ("chaos/test_soak.py::test_a_soak_of_half_an_hour",
         "chaos/test_memory.py::test_what_a_program_takes_for_itself_is_its_own",
         "chaos/test_memory.py::test_what_others_can_use_as_well_is_not"),
        ("chaos/test_soak.py::test_a_web_server_that_leaks_is_seen",),
        detectors=(CONTROLS + "test_an_answer_that_no_client_should_see_is_seen_by_the_soak",
                   CONTROLS + "test_somebody_who_runs_into_an_error_ends_the_soak"),
    ),
)  # fmt: skip
