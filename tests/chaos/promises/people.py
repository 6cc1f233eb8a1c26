"""What is kept from people who are curious, careless or hostile."""

from __future__ import annotations

from tests.chaos.promises.row import Promise

MATRIX = "api/test_matrix.py::"
ONE_RULE = "api/test_one_rule.py::"
HIDDEN = "api/test_hidden.py::"
REPLAYED = "web/test_replayed.py::"
ACCOUNTS = "api/test_accounts.py::"
TOKENS = "services/test_accounts.py::"
VECTORS = "api/test_vectors.py::"
LIMITS = "api/test_limits.py::"
QUICK = "chaos/test_quick.py::"
POLICY = "browser/test_policy.py::"
SECURITY = "ops/test_security.py::"
FORGERY = "web/test_forgery.py::"
DEPLOY = "ops/test_deploy.py::"
RACES = "services/test_races.py::"
RIGHTS = "admin/test_rights.py::"

PEOPLE = (
    Promise(
        "One rule, `visible_to(user)`, feeds search, similar, lists, counts, facets, thumbnails and every address; "
        "exports and autocomplete are for staff only",
        (MATRIX + "test_each_actor_gets_the_answer_of_the_rule", MATRIX + "test_every_address_has_a_rule",
         MATRIX + "test_the_admin_site_is_for_staff_only",
         ONE_RULE + "test_every_surface_shows_what_the_rule_says",
         ONE_RULE + "test_one_story_is_told_alike_by_every_surface"),
        (ONE_RULE + "test_without_the_rule_every_surface_shows_too_much",
         ONE_RULE + "test_without_the_rule_of_pictures_alone_files_and_lists_show_too_much",
         MATRIX + "test_an_address_without_a_rule_is_noticed"),
    ),
    Promise(
        "Another's private picture answers exactly like one that does not exist",
        (HIDDEN + "test_hidden_pictures_answer_like_absent_ones",
         "api/test_images.py::test_another_persons_picture_answers_as_one_that_is_not_there",
         "api/test_search.py::test_hidden_ids_answer_as_absent_ones",
         "web/test_pictures.py::test_somebody_elses_answers_like_one_that_is_not_there"),
        (HIDDEN + "test_a_look_at_the_row_before_the_rights_gives_it_away",),
    ),
    Promise(
        "What is done at the same moment ends as in some order: no save undoes a decision, no right serves that is "
        "being taken away, no bound is passed",
        (RACES + "test_managers_saves_never_undo_the_owners_private", RACES + "test_of_many_moves_one_counts",
         RACES + "test_a_right_that_is_being_taken_serves_no_more",
         RACES + "test_who_was_asked_and_is_asked_no_more_is_out_whoever_was_first",
         RACES + "test_managers_who_take_each_other_out_act_only_while_they_are_managers",
         RACES + "test_nobody_gets_more_tokens_than_there_may_be"),
        (RACES + "test_compared_with_a_row_read_before_it_undoes_it_without_a_trail",
         RACES + "test_without_the_hold_a_right_that_is_being_taken_still_serves",
         RACES + "test_without_the_lock_two_managers_take_each_other_out",
         RACES + "test_counted_without_the_lock_there_are_more"),
    ),
    Promise(
        "An archive ends with its person's rights: asked for as it begins and before each batch",
        ("services/test_archives.py::test_it_ends_with_its_persons_rights_and_what_is_in_stays",
         "services/test_archives.py::test_it_does_not_begin_without_them"),
        ("services/test_archives.py::test_where_nobody_asks_before_each_batch_it_goes_on",),
    ),
    Promise(
        "Nobody learns who has an account by giving a role, and nobody is in a collection who was not asked",
        ("api/test_collections.py::test_a_name_that_nobody_has_is_answered_like_one_that_somebody_has",
         "api/test_collections.py::test_who_is_asked_sees_nothing_until_they_accept"),
        ("api/test_collections.py::test_with_a_look_for_the_person_the_name_is_told",),
    ),
    Promise(
        "Staff do in the administration what their single rights say; administrators are told by permission everywhere",
        (RIGHTS + "test_each_single_right_opens_what_is_written_down_and_nothing_else",
         RIGHTS + "test_an_action_asked_for_without_its_right_changes_nothing",
         RIGHTS + "test_nobody_but_a_superuser_gives_powers", RIGHTS + "test_accounts_with_powers_are_out_of_reach"),
        (RIGHTS + "test_an_action_without_permissions_would_be_found",
         RIGHTS + "test_without_the_guard_they_make_themselves_superusers",
         MATRIX + "test_where_being_staff_is_enough_the_matrix_shows_it"),
    ),
    Promise(
        "Uploading a copy of another's private file tells nothing",
        (HIDDEN + "test_a_copy_of_anothers_private_file_is_a_new_file",),
        (HIDDEN + "test_where_bytes_are_known_everywhere_a_copy_is_told_apart",),
    ),
    Promise(
        "Media needs a check on each request; private pages are no-store",
        (REPLAYED + "test_no_file_is_sent_to_one_who_may_not_see_it",
         REPLAYED + "test_no_crooked_address_leads_to_a_file",
         REPLAYED + "test_private_pages_and_answers_are_kept_by_no_cache",
         "api/test_images.py::test_files_are_checked_on_each_request",
         "web/test_media.py::test_what_was_shared_is_gone_once_it_is_not"),
        (REPLAYED + "test_without_the_rule_strangers_get_the_files",
         REPLAYED + "test_without_the_header_caches_may_keep_all_of_them"),
    ),
    Promise(
        "Tokens: stored as digests, scoped, expiring, revocable, shown once, never in a URL or log",
        (ACCOUNTS + "test_a_stolen_dump_of_the_tables_opens_nothing",
         ACCOUNTS + "test_a_token_is_in_no_log_and_no_address",
         ACCOUNTS + "test_a_token_in_an_address_opens_nothing",
         ACCOUNTS + "test_a_reading_token_searches_but_changes_nothing",
         TOKENS + "test_an_expired_token_opens_nothing",
         TOKENS + "test_a_revoked_token_opens_nothing_and_only_its_owner_revokes_it",
         "web/test_account.py::test_a_token_is_shown_once"),
        (ACCOUNTS + "test_where_the_secret_itself_is_kept_a_dump_opens_the_api",
         ACCOUNTS + "test_without_a_look_at_its_scope_a_reading_token_changes_things",
         ACCOUNTS + "test_without_a_look_at_the_clock_an_expired_token_opens_the_api",
         ACCOUNTS + "test_where_a_revoked_row_is_kept_its_token_opens_the_api"),
        detectors=(ACCOUNTS + "test_a_secret_in_an_address_would_be_found_in_the_log",),
    ),
    Promise(
        "Vectors never leave the server; deleted with the picture",
        (VECTORS + "test_no_answer_and_no_page_holds_a_vector",
         VECTORS + "test_the_description_of_the_api_knows_no_list_of_numbers",
         VECTORS + "test_the_export_of_the_administration_has_none",
         VECTORS + "test_vectors_go_with_their_picture"),
        (VECTORS + "test_with_a_field_for_it_the_vector_is_found_in_the_answers",
         VECTORS + "test_without_the_purge_vectors_of_deleted_pictures_stay"),
    ),
    Promise(
        "Limits hold under 50 parallel clients and any X-Forwarded-For; sign-in 5/min per name and 20/min per address",
        (QUICK + "test_two_hundred_guesses_at_once_are_five_of_a_name_and_twenty_of_an_address",
         QUICK + "test_two_hundred_searches_at_once_pass_exactly_the_limit",
         LIMITS + "test_two_hundred_calls_at_once_pass_exactly_the_limit",
         LIMITS + "test_without_the_broker_this_process_counts_as_exactly",
         LIMITS + "test_only_wrong_passwords_use_up_the_limit",
         LIMITS + "test_an_address_has_a_limit_over_all_names",
         LIMITS + "test_a_forged_header_changes_no_address"),
        (LIMITS + "test_where_the_header_is_believed_nobody_is_ever_stopped",
         LIMITS + "test_counting_in_two_steps_lets_more_through"),
    ),
    Promise(
        "CSP without unsafe-inline or unsafe-eval, no request to another host",
        (POLICY + "test_every_page_keeps_to_the_policy",
         POLICY + "test_the_policy_stops_scripts_of_the_page_s_text_and_other_hosts",
         SECURITY + "test_pages_get_the_strict_policy",
         SECURITY + "test_grants_allow_nothing_unsafe_and_no_other_host"),
        (POLICY + "test_without_the_policy_they_run_and_are_asked",),
    ),
    Promise(
        "CSRF on every unsafe method, and `check --deploy` is clean",
        (FORGERY + "test_no_forged_request_does_anything", DEPLOY + "test_the_check_before_deployment_is_clean"),
        (FORGERY + "test_without_the_check_forged_requests_do_what_they_ask",
         DEPLOY + "test_without_https_the_check_says_what_is_open"),
    ),
    Promise(
        "Unsafe starts are refused: DEBUG in production, a default secret, wildcard hosts, an unknown hash of weights: "
        "exit 1 and one sentence",
        ("ops/test_settings.py::test_refused", "services/test_weights.py::test_unknown_wish_stops_the_start",
         "services/test_weights.py::test_other_bytes_are_refused_and_nothing_is_kept",
         "services/test_weights.py::test_first_start_refuses_a_bundled_file_of_other_bytes",
         "ops/test_prepare.py::test_weights_that_are_not_the_registered_ones_stop_the_start",
         "ops/test_up.py::test_start_stop_start"),
        (DEPLOY + "test_without_its_guard_an_unsafe_start_succeeds",
         "ops/test_prepare.py::test_without_the_digest_other_weights_start",
         "embedding/test_checkpoint.py::test_without_the_digest_one_flipped_bit_gives_other_vectors"),
    ),
)  # fmt: skip
