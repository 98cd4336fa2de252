"""Which test holds which incident. Each is something that broke a gate like this one somewhere.

`file::test`, from `tests/`. `test_incidents.py` fails when one of them is not there any more.
"""

HERE, CORE, SERVER, TAMPER = "security/", "core/", "server/", "e2e/tampering/"

INCIDENTS: dict[str, list[str]] = {
    # Shown = hashed = returned = executed.
    "a lenient JSON reader took NaN and Infinity": [
        CORE + "test_payload.py::test_what_is_no_number_is_refused_wherever_json_is_read",
        CORE + "test_payload_refusals_over_http.py::"
        "test_every_refused_payload_is_refused_and_nothing_is_created",
    ],
    "a key named twice was read differently by two programs": [
        CORE + "test_payload.py::test_a_key_that_comes_twice_is_refused",
    ],
    "two languages hashed one payload differently": [
        CORE + "test_differential.py::test_payloads_hash_alike_in_python_node_and_the_browser",
        "test_vectors.py::test_a_payload_has_these_bytes_or_this_refusal",
    ],
    "a body set a field that is the server's to say": [
        HERE + "test_strangers.py::"
        "test_a_field_that_is_the_servers_to_say_is_refused_in_every_body",
    ],
    "an invisible, bidirectional or odd character reached the page": [
        CORE + "test_card.py::test_every_code_point_is_hidden_or_not_as_the_published_table_says",
        "e2e/test_hostile.py::test_it_is_shown_exactly_and_flagged",
    ],
    "white space inside a value could not be seen": [
        CORE + "test_card_reading.py::"
        "test_between_latin_letters_every_code_point_is_shown_as_it_is_or_something_is_said",
    ],
    "something was shortened above the button": [
        "e2e/test_confirm.py::test_the_card_shows_every_value_of_the_payload",
        "e2e/test_reading.py::test_a_jump_to_the_end_is_no_reading",
    ],
    "one payload was shown and another one signed": [
        TAMPER + "test_options.py::"
        "test_the_options_of_another_confirmation_never_reach_the_passkey",
        TAMPER + "test_data.py::test_page_and_data_altered_alike_do_not_fit_the_challenge",
    ],
    "the page was framed": [
        TAMPER + "test_frames.py::test_inside_another_page_nothing_is_shown",
        TAMPER + "test_frames.py::"
        "test_inside_another_page_the_script_refuses_even_without_the_headers",
    ],
    "a click meant for something else approved": [
        TAMPER + "test_taps.py::test_a_tap_right_after_the_page_gained_focus_does_not_approve",
    ],
    # WebAuthn.
    "a library let mutated answers of passkeys pass": [
        SERVER + "test_webauthn.py::test_each_mutation_meets_its_own_refusal",
        SERVER + "test_webauthn_checks.py::test_deleting_a_check_makes_exactly_its_mutations_fail",
        SERVER + "test_webauthn.py::test_no_flipped_bit_of_a_signed_answer_is_accepted",
    ],
    "an answer was tried without its challenge being used up": [
        SERVER + "test_sessions.py::test_a_refused_answer_uses_the_prompt_up",
        SERVER + "test_private.py::"
        "test_what_is_wrong_with_the_answer_opens_nothing_and_uses_the_prompt_up",
        SERVER + "test_registration.py::"
        "test_a_registration_challenge_works_once_and_for_its_invite",
    ],
    "garbage that somebody with the link posted used an approval's challenge up": [
        SERVER + "test_races.py::test_after_a_hundred_garbage_posts_the_good_one_still_approves",
    ],
    "one assertion, posted many times at once, counted more than once": [
        SERVER + "test_races.py::test_fifty_posts_of_one_assertion_are_one_approval",
    ],
    "an answer to one kind of prompt passed for another": [
        SERVER + "test_webauthn.py::test_no_answer_passes_for_one_of_another_ceremony",
        SERVER + "test_registration.py::test_assertions_of_one_ceremony_never_pass_for_another",
        HERE + "test_roads_to_approved.py::test_no_other_answer_of_a_passkey_approves",
    ],
    "whoever had no passkey yet was let in": [
        HERE + "test_strangers.py::test_who_has_no_passkey_left_opens_nothing",
    ],
    "a nested or endless input stopped the parser": [
        HERE + "test_strangers.py::test_a_parser_bomb_is_refused_wherever_it_is_posted",
        HERE + "test_strangers.py::test_a_bomb_inside_a_passkeys_answer_is_refused_in_its_name",
        CORE + "test_payload.py::test_a_long_list_under_a_long_key_takes_no_memory",
        "tools/test_fuzz.py::test_a_seed_with_a_piece_exchanged_is_read_or_refused",
    ],
    "an unknown name could be told from a known one": [
        HERE + "test_strangers.py::test_an_unknown_passkey_or_name_looks_like_a_known_one",
        SERVER + "test_private.py::test_a_guessed_credential_id_does_not_tell_whom_it_is_for",
    ],
    # State and time.
    "two decisions of one confirmation both won": [
        SERVER + "test_races.py::test_of_all_who_decide_at_once_one_wins_and_no_read_goes_back",
        SERVER + "test_postgres_nodes.py::"
        "test_of_all_who_decide_at_once_at_two_nodes_one_wins_and_no_read_goes_back",
        SERVER + "test_states.py::test_no_statement_changes_what_is_decided",
        HERE + "test_machine.py::test_whatever_is_done_in_whatever_order_the_model_holds",
    ],
    "a read said expired, and then an approval was committed": [
        SERVER + "test_durability.py::"
        "test_a_read_after_the_deadline_waits_for_an_approval_from_before_it",
        SERVER + "test_states.py::test_whoever_looks_after_the_deadline_performs_the_expiry_once",
        SERVER + "test_postgres_races.py::"
        "test_an_approval_that_waited_past_the_deadline_keeps_the_time_it_was_checked_at",
    ],
    "an approval at the deadline's own millisecond counted": [
        SERVER + "test_states.py::test_the_deadline_is_the_first_millisecond_too_late",
        SERVER + "test_states.py::test_each_statement_compares_the_time_itself",
    ],
    "a clock that was set back revived what had expired": [
        SERVER + "test_states.py::test_nothing_comes_back_from_expired_when_the_clock_goes_back",
        SERVER + "test_states.py::test_a_clock_that_goes_back_an_hour_decides_nothing",
        SERVER + "test_states.py::test_a_wait_ends_by_the_monotonic_clock",
    ],
    "an invite for one made several approvers": [
        SERVER + "test_races.py::test_an_invite_for_one_makes_one_approver_of_a_hundred",
    ],
    # Who may.
    "a route was forgotten, or let a wrong caller in": [
        HERE + "test_matrix.py::test_who_gets_past_a_guard_is_what_the_table_says_"
        "and_who_does_not_changes_nothing",
        "test_architecture.py::test_every_route_has_a_guard",
    ],
    "another organisation's object could be told from none": [
        HERE + "test_matrix.py::"
        "test_another_organisations_object_looks_like_one_that_does_not_exist",
        HERE + "test_references.py::test_whom_another_organisation_has_cannot_be_told_from_nobody"
        "_even_with_a_passkey",
        HERE + "test_references.py::test_a_name_of_another_organisation_is_a_name_of_nobody",
    ],
    "a key invited its own approver": [
        SERVER + "test_access.py::test_a_key_that_enrols_a_software_passkey_cannot_approve_with_it",
        SERVER + "test_access.py::test_a_key_cannot_invite_an_existing_name_again",
    ],
    "another path than a passkey led to approved": [
        HERE + "test_roads_to_approved.py::"
        "test_whoever_calls_whatever_with_everything_but_a_passkey_approves_nothing",
        SERVER + "test_access.py::test_no_api_key_of_any_scope_decides",
    ],
    "a key in a URL ended in somebody's log": [
        HERE + "test_keys_in_urls.py::"
        "test_a_key_in_the_query_is_refused_on_every_route_even_beside_a_good_one",
    ],
    "keys and tokens stood in the server's own log": [
        HERE + "test_strangers.py::test_nothing_that_is_secret_is_ever_written_to_the_log",
    ],
    "a header that only a proxy may set was believed": [
        HERE + "test_strangers.py::test_headers_that_only_a_proxy_may_set_change_nothing",
    ],
    "another site's page acted for whoever was signed in": [
        SERVER + "test_confirmations.py::test_another_sites_page_changes_nothing",
        SERVER + "test_sessions.py::test_another_sites_page_uses_no_session",
        SERVER + "test_http.py::test_a_site_whose_name_was_made_to_lead_here_reads_nothing",
    ],
    # Long poll and HTTP.
    "holds of clients that were gone were kept until the wait ended": [
        SERVER + "test_waiting.py::test_who_hangs_up_is_not_waited_for",
    ],
    "a head or body that dripped held a connection for ever": [
        SERVER + "test_connection.py::test_a_head_that_drips_is_answered_408_however_busy_it_looks",
        SERVER + "test_connection.py::test_a_body_that_drips_is_answered_408",
    ],
    "too many holds hung everything": [
        SERVER + "test_waiting.py::test_who_waits_beyond_a_limit_is_told_so_at_once",
        SERVER + "test_waiting.py::test_who_waits_too_much_leaves_others_their_places",
    ],
    "without descriptors the server hung": [
        SERVER + "test_descriptors.py::test_without_descriptors_it_goes_on_and_does_not_spin",
        SERVER + "test_waiting.py::test_a_reserve_of_descriptors_is_kept",
    ],
    "a decision between the look and the wait was slept through": [
        SERVER + "test_waiting.py::"
        "test_a_decision_between_the_look_and_the_wait_is_not_slept_through",
        SERVER + "test_waiting.py::test_no_wake_up_is_lost_in_a_crowd",
    ],
    "a server that was told to stop kept its waiters": [
        SERVER + "test_waiting.py::test_stopping_answers_all_who_wait_with_what_there_is",
    ],
    # Mail and chat: what holds before there are any.
    "a scanner that follows links decided something": [
        HERE + "test_strangers.py::"
        "test_reading_changes_nothing_whoever_reads_and_head_says_what_get_does",
        SERVER + "test_confirmations.py::test_getting_a_page_changes_nothing",
    ],
    # Durability.
    "an acknowledged decision was lost with the power": [
        SERVER + "test_crashes.py::test_a_kill_at_any_step_loses_nothing_and_doubles_nothing",
        SERVER + "test_durability.py::"
        "test_the_writer_syncs_every_commit_and_the_reader_cannot_write",
        SERVER + "test_postgres.py::test_every_commit_is_synced_whatever_the_server_is_set_to",
    ],
    "a decision was told that a failed sync took back": [
        SERVER + "test_durability.py::test_nobody_ever_hears_of_a_decision_whose_sync_failed",
        SERVER + "test_crashes.py::"
        "test_what_a_failed_sync_refused_does_not_come_back_after_a_crash",
    ],
    "a full or broken disk ended in a status nobody could prove": [
        SERVER + "test_durability.py::"
        "test_a_full_disk_is_503_for_all_that_write_and_ends_without_a_restart",
        SERVER + "test_durability.py::test_a_disk_that_fails_for_long_is_used_again_when_it_works",
    ],
    "two servers wrote one SQLite file": [
        SERVER + "test_migrations.py::test_a_second_server_on_the_same_file_says_so_and_ends",
    ],
    # The promise table.
    "an approver who says nothing approved": [
        SERVER + "test_waiting.py::test_who_waits_across_the_deadline_is_told_expired_once",
    ],
    "while the database was away, a status was guessed": [
        SERVER + "test_postgres.py::"
        "test_while_the_database_is_away_nothing_is_told_and_then_it_goes_on",
        SERVER + "test_durability.py::test_an_expiry_whose_sync_failed_is_503_and_never_derived",
    ],
    "a decision that was read twice ran twice": [
        HERE + "test_strangers.py::"
        "test_a_decision_that_is_read_twice_is_the_same_and_says_that_it_was_used",
        SERVER + "test_races.py::test_consuming_at_once_gives_it_to_one_run",
    ],
}
