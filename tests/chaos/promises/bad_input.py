"""What is kept when files, archives, names, numbers and bodies are made to do harm."""

from __future__ import annotations

from tests.chaos.promises.row import Promise

DECODE = "ingest/test_decode.py::"
SLOW = "ingest/test_structure.py::"
PEOPLE = "ingest/test_people.py::"
DAMAGE = "ingest/test_damage.py::"
ARCHIVE = "ingest/test_archive.py::"
WITHOUT = "ingest/test_unguarded.py::"
WAYS_IN = "web/test_ways_in.py::"
NAMES = "web/test_file_names.py::"
HELD = "front/test_held.py::"
FRONT = "front/test_front.py::"
PAGES = "ingest/test_pages.py::"
VIDEO = "ingest/test_video.py::"
SOURCES = "services/test_sources.py::"
CAMERAS = "services/test_source_addresses.py::"

BAD_INPUT = (
    Promise(
        "Pixel and frame bombs are refused from the header: < 200 ms, < 50 MB more memory",
        ("ingest/test_bombs.py::test_a_bomb_is_refused_at_once_and_for_little_memory",
         DECODE + "test_bombs_are_refused_from_the_header"),
        ("ingest/test_bombs.py::test_without_the_limit_a_bomb_takes_its_memory",),
    ),
    Promise(
        "Small files made to take long are refused by counting, before anything is decoded",
        (SLOW + "test_what_would_take_long_is_refused_with_its_reason", SLOW + "test_honest_files_pass"),
        (SLOW + "test_without_the_count_the_decoder_does_all_of_it",),
    ),
    Promise(
        "One person's slow pictures and archives keep nobody else waiting, "
        "and nobody is refused for what another sends",
        (PEOPLE + "test_another_is_answered_while_one_person_s_pictures_hold_all_decoders",
         PEOPLE + "test_beyond_the_line_one_s_own_pictures_are_refused_at_once_and_another_s_wait",
         "services/test_askers.py::test_who_has_used_up_the_decoders_time_is_refused_and_others_are_not",
         "services/test_archives.py::test_of_one_person_one_archive_at_a_time_and_others_meanwhile",
         "services/test_archives.py::test_a_turn_ends_in_the_midst_of_a_batch_and_nothing_is_decoded_twice",
         "services/test_archives.py::test_an_archive_whose_pictures_take_too_long_ends_with_its_reason"),
        (PEOPLE + "test_without_a_spare_decoder_another_waits", PEOPLE + "test_without_the_line_everything_waits",
         "services/test_askers.py::test_without_the_bound_a_person_goes_on"),
    ),
    Promise(
        "A decoding child sees the pictures of one person, and few of them",
        (PEOPLE + "test_a_child_sees_the_pictures_of_one_person", PEOPLE + "test_a_child_sees_few_pictures"),
        (PEOPLE + "test_where_all_are_one_person_a_child_sees_everybody_s",),
    ),
    Promise(
        "Only the allowed formats are ever parsed, by content and not by name",
        ("ingest/test_formats.py::test_no_other_format_is_ever_parsed",
         DECODE + "test_everything_else_is_refused_with_a_reason"),
        ("ingest/test_formats.py::test_without_the_list_of_formats_others_are_parsed",),
    ),
    Promise(
        "Truncated or corrupt files never become half an embedding",
        (DAMAGE + "test_a_file_cut_off_anywhere_is_never_half_a_picture",
         DAMAGE + "test_thousands_of_flipped_bits_neither_crash_nor_hang"),
        (DAMAGE + "test_where_truncated_files_are_loaded_there_are_half_pictures",),
    ),
    Promise(
        "Odd but legal pictures work (black, white, 1x1, 1x10000, CMYK, 16-bit, palette, grey+alpha, EXIF-rotated): "
        "each has a finite vector and finds itself at rank 1",
        ("services/test_odd_pictures.py::test_each_has_a_finite_vector_and_finds_itself_first",
         DECODE + "test_odd_but_legal_pictures_work", DECODE + "test_orientation_is_applied"),
        ("services/test_odd_pictures.py::test_without_the_care_for_deep_colours_two_pictures_become_one",),
    ),
    Promise(
        "Original bytes are never served inline; thumbnails are re-encoded, without EXIF, GPS, XMP, ICC or comments, "
        "whichever way a picture came in",
        (WAYS_IN + "test_derivatives_carry_no_metadata_whichever_way_a_picture_came",
         WAYS_IN + "test_polyglots_are_served_as_nothing_that_runs",
         DECODE + "test_derivatives_carry_no_metadata",
         DECODE + "test_what_hangs_on_a_picture_does_not_reach_its_derivatives",
         "services/test_downloads.py::test_the_whole_file_is_an_attachment_that_nothing_runs"),
        (WAYS_IN + "test_without_the_headers_of_downloads_a_polyglot_would_run",
         WITHOUT + "test_without_taking_the_metadata_off_it_stands_in_the_derivatives"),
    ),
    Promise(
        "Archives: no path escapes, no links, no bombs, limits on real bytes; each member goes through the same gate",
        (ARCHIVE + "test_a_crafted_member_is_refused", ARCHIVE + "test_a_crafted_archive_is_refused_as_a_whole",
         ARCHIVE + "test_a_hundred_thousand_members_are_refused_before_the_directory_is_read",
         ARCHIVE + "test_the_real_bytes_are_counted_while_reading", ARCHIVE + "test_damage_anywhere_is_a_refusal",
         "services/test_archives.py::test_every_member_has_its_end"),
        (WITHOUT + "test_without_the_check_of_members_links_and_paths_pass",
         WITHOUT + "test_without_the_check_of_overlaps_one_run_of_bytes_comes_out_many_times",
         WITHOUT + "test_without_limits_a_small_archive_unpacks_to_a_thousand_times_its_size"),
    ),
    Promise(
        "Documents and medical pictures: pages, frames, lengths and loops that a file makes up are refused by a reason",
        (PAGES + "test_hostile_documents_are_refused_with_a_reason",
         PAGES + "test_a_chain_that_comes_back_to_itself_ends",
         PAGES + "test_a_document_of_more_pages_than_the_limit_is_refused",
         PAGES + "test_a_page_of_any_size_is_drawn_within_bounds",
         "ingest/test_dicom.py::test_hostile_files_are_refused_with_a_reason",
         "services/test_documents.py::test_too_many_pages_are_refused",
         "services/test_documents.py::test_a_document_whose_first_page_goes_before_the_others_come_ends_with_a_reason"),
        (PAGES + "test_without_the_look_at_its_head_a_document_has_as_many_pages_as_it_says",),
    ),
    Promise(
        "Videos: frames, sizes and tables that a file makes up are refused or read right, and looks are bounded",
        (VIDEO + "test_hostile_videos_are_refused_with_a_reason_or_right", VIDEO + "test_looks_and_scenes_are_bounded",
         VIDEO + "test_more_pixels_than_the_limit_are_refused_before_any_is_decoded",
         VIDEO + "test_a_frame_that_grows_beyond_the_header_is_not_decoded",
         VIDEO + "test_a_frame_of_more_pixels_than_allowed_gets_no_memory",
         VIDEO + "test_no_other_demuxer_is_asked_than_that_of_its_beginning",
         VIDEO + "test_a_codec_that_is_not_on_the_list_is_not_opened"),
        (VIDEO + "test_without_the_look_at_its_head_a_video_of_any_size_is_decoded",),
    ),
    Promise(
        "A source reads below the folders that the operator opened, follows no link and asks no private address; "
        "what breaks off takes nothing twice, and what a person touched stays",
        (SOURCES + "test_only_folders_below_those_that_are_opened_may_be_read",
         SOURCES + "test_the_data_folder_is_not_read_whatever_is_opened",
         SOURCES + "test_links_are_not_followed_out_of_the_folder",
         SOURCES + "test_a_folder_that_becomes_a_link_after_it_was_listed_leads_nowhere",
         SOURCES + "test_what_breaks_off_in_the_midst_is_written_down_and_takes_nothing_twice",
         SOURCES + "test_a_reading_that_another_took_over_keeps_nothing",
         SOURCES + "test_what_is_past_its_time_goes_but_for_what_a_person_touched",
         CAMERAS + "test_neither_private_addresses_nor_this_machine_are_asked",
         CAMERAS + "test_nobody_is_led_on_to_an_address_that_is_not_open",
         CAMERAS + "test_a_password_goes_to_no_other_server_that_somebody_names"),
        (SOURCES + "test_without_the_look_where_a_file_lies_a_link_leads_out",),
    ),
    Promise(
        "File names are display text only",
        (NAMES + "test_a_file_name_is_display_text", NAMES + "test_so_it_is_whichever_edge_it_came_by",
         ARCHIVE + "test_names_are_display_text"),
        (NAMES + "test_without_the_cleaning_a_name_keeps_its_signs",
         NAMES + "test_without_the_quoting_a_name_ends_early_and_another_begins"),
    ),
    Promise(
        "k, page, filters, weights, NaN and regions outside the picture are bounded: 400 with the field named, "
        "or at most 5 s",
        ("api/test_search.py::test_every_input_out_of_bounds_is_named",
         "api/test_search.py::test_nan_in_a_region_is_refused",
         "api/test_images.py::test_a_filter_that_makes_no_sense_is_named",
         "api/test_contract.py::test_every_call_keeps_its_word",
         "search/test_query.py::test_every_statement_has_a_time_limit_and_the_transaction_goes_on",
         "search/test_query.py::test_the_statements_of_a_search_have_one_limit_together"),
        ("search/test_query.py::test_without_the_limit_a_slow_search_goes_on",
         "api/test_parsers.py::test_without_the_check_what_cannot_be_kept_is_a_500",
         "api/test_contract.py::test_a_call_that_fails_on_the_server_is_found"),
    ),
    Promise(
        "A damaged or made-up file is a picture or a refusal, and no process that lives long falls over it",
        ("ingest/test_fuzz.py::test_a_damaged_file_is_a_picture_or_a_refusal",),
        (WITHOUT + "test_without_the_sandbox_a_decoder_that_crashes_takes_its_process_along",),
    ),
    Promise(
        "Half-sent bodies, half-read answers and slow heads, a thousand of them: others are answered all the while, "
        "and what keeps to no least rate is ended",
        ("chaos/test_held.py::test_a_hundred_held_connections_keep_nobody_from_an_answer",
         "chaos/test_held.py::test_a_thousand_held_connections_keep_nobody_from_an_answer",
         HELD + "test_many_that_hold_on_keep_nobody_from_an_answer", HELD + "test_a_head_that_does_not_end_is_ended",
         HELD + "test_a_body_that_comes_too_slowly_is_refused",
         HELD + "test_an_answer_that_nobody_fetches_is_ended"),
        (HELD + "test_without_reading_ahead_half_sent_bodies_hold_all_threads",
         HELD + "test_without_sending_beside_the_threads_half_read_answers_hold_all_of_them",
         HELD + "test_without_the_watch_a_head_may_take_for_ever",
         HELD + "test_without_the_pace_a_slow_body_is_waited_for",
         HELD + "test_without_the_least_rate_a_slow_reader_gets_all_of_it"),
    ),
    Promise(
        "Who may send how much is asked before the body is read; a visitor fills neither memory nor disk",
        ("web/test_admission.py::test_a_visitor_may_send_little",
         "web/test_admission.py::test_what_was_not_read_is_answered_in_the_form_of_the_caller",
         FRONT + "test_a_body_that_may_not_be_sent_is_not_read",
         FRONT + "test_bodies_share_a_bounded_place_by_person_and_in_all"),
        ("web/test_admission.py::test_without_the_word_of_the_server_the_body_is_read",
         FRONT + "test_without_asking_first_it_is_read", FRONT + "test_without_the_bound_everything_is_taken"),
    ),
    Promise(
        "Bodies over the limit: 413 before they are read, JSON included",
        ("chaos/test_quick.py::test_a_gigabyte_is_refused_unread",
         "api/test_base.py::test_a_body_over_the_limit_is_refused_unread",
         "api/test_base.py::test_a_body_of_unknown_length_is_refused_unread",
         "web/test_bodies.py::test_too_much_is_refused_unread",
         "web/test_bodies.py::test_a_body_of_unknown_length_is_refused_unread"),
        ("api/test_base.py::test_without_the_limit_the_body_is_read",
         "web/test_bodies.py::test_without_the_limit_the_body_is_read"),
    ),
)  # fmt: skip
