package sql

import (
	_ "embed"
	"strings"

	"github.com/sallyport/sallyport/protocol"
)

// functionsText lists, one a line, the functions of pg_catalog that only
// compute or look: the immutable and stable ones of PostgreSQL 15 that a
// client can call and that run no SQL text, the harmless volatile ones, and
// those that versions 16 to 18 added.
//
//go:embed functions.txt
var functionsText string

// class is what a function means for masking.
type class uint8

const (
	// pure functions compute or look and do nothing else.
	pure class = iota
	// benign functions have effects, but none that could carry a value away.
	benign
	// carrier functions can carry their arguments out of the result: into a
	// notification, a setting, a sequence, a large object, the time that passes.
	carrier
	// reveals are functions that show other sessions' statements or values.
	reveals
	// runner functions read tables or files that the text does not name, or
	// run SQL that is given as text.
	runner
	// unknown functions may do anything.
	unknown
)

type function struct {
	class   class
	effects protocol.Effects
}

// functions knows PostgreSQL's own functions. Read only after newFunctions.
type functions struct {
	known map[string]function
}

func newFunctions() *functions {
	f := &functions{known: make(map[string]function, 2600)}
	for name := range strings.Lines(functionsText) {
		f.known[strings.TrimSpace(name)] = function{pure, protocol.Read}
	}
	for _, group := range specialFunctions {
		for name := range strings.FieldsSeq(group.names) {
			f.known[name] = group.function
		}
	}
	return f
}

// look classifies a function by its name as written, schema first.
func (f *functions) look(name []string) function {
	switch len(name) {
	case 1:
		if k, ok := f.known[name[0]]; ok {
			return k
		}
		if prefixed(name[0]) {
			return function{runner, protocol.Read | protocol.Code | protocol.Opaque}
		}
	case 2:
		switch name[0] {
		case "pg_catalog":
			return f.look(name[1:])
		case "information_schema":
			if strings.HasPrefix(name[1], "_pg_") {
				return function{pure, protocol.Read}
			}
		default:
			// Extensions may live in any schema; what they do is no less
			// dangerous there. What they do not do is not assumed of others.
			if k, ok := f.known[name[1]]; ok && k.class == runner {
				return k
			}
			if prefixed(name[1]) {
				return function{runner, protocol.Read | protocol.Code | protocol.Opaque}
			}
		}
	}
	return function{unknown, protocol.Read | protocol.Code}
}

// prefixed reports whether a name belongs to an extension's family of
// functions that run SQL or read pages.
func prefixed(name string) bool {
	for p := range strings.FieldsSeq(runnerPrefixes) {
		if strings.HasPrefix(name, p) {
			return true
		}
	}
	return false
}

const runnerPrefixes = "dblink crosstab connectby heap_page_ bt_page_ brin_page_ gin_page_ gist_page_ hash_page_ get_raw_page pg_get_wal_ pg_logical_slot_ lo_ pg_read_ pg_ls_"

// builtinRowFunction reports whether a function of pg_catalog takes any row as
// its only argument, so that "c.to_json" is a call of it with the row of c.
func builtinRowFunction(name string) bool {
	switch name {
	case "row_to_json", "to_json", "to_jsonb", "json_agg", "jsonb_agg", "array_agg", "count", "quote_literal",
		"quote_nullable", "concat", "concat_ws", "pg_typeof", "record_out", "record_send", "hash_record",
		"num_nulls", "num_nonnulls", "json_build_array", "jsonb_build_array", "json_build_object",
		"jsonb_build_object", "json_agg_strict", "jsonb_agg_strict", "any_value", "min", "max",
		"pg_column_size", "pg_column_compression", "pg_collation_for", "any_out", "anyelement_out",
		"anynonarray_out", "anycompatible_out", "anycompatiblenonarray_out", "pg_column_toast_chunk_id":
		return true
	}
	return false
}

const (
	read       = protocol.Read
	write      = protocol.Write
	destroy    = protocol.Destroy
	schema     = protocol.Schema
	access     = protocol.Access
	credential = protocol.Credential
	code       = protocol.Code
	opaque     = protocol.Opaque
)

// specialFunctions are the functions of pg_catalog and of well-known
// extensions that do more than compute.
var specialFunctions = []struct {
	function
	names string
}{
	{function{benign, read | write}, "nextval"},
	{function{benign, read}, "currval lastval pg_advisory_unlock_all pg_sequence_last_value"},
	{function{carrier, read | write}, `setval pg_notify setseed pg_logical_emit_message pg_create_restore_point
		pg_export_snapshot pg_try_advisory_lock pg_try_advisory_lock_shared pg_try_advisory_xact_lock
		pg_try_advisory_xact_lock_shared pg_advisory_lock pg_advisory_lock_shared pg_advisory_xact_lock
		pg_advisory_xact_lock_shared pg_advisory_unlock pg_advisory_unlock_shared
		brin_summarize_new_values brin_summarize_range brin_desummarize_range gin_clean_pending_list
		pg_stat_clear_snapshot pg_stat_force_next_flush`},
	{function{carrier, read}, "pg_sleep pg_sleep_for pg_sleep_until"},
	{function{carrier, read | write}, "set_config"},
	{function{carrier, read | destroy}, `pg_cancel_backend pg_terminate_backend pg_stat_reset pg_stat_reset_shared
		pg_stat_reset_single_table_counters pg_stat_reset_single_function_counters pg_stat_reset_slru
		pg_stat_reset_replication_slot pg_stat_reset_subscription_stats pg_stat_statements_reset`},
	{function{carrier, read | write | access}, `pg_reload_conf pg_rotate_logfile pg_rotate_logfile_old pg_switch_wal pg_promote
		pg_wal_replay_pause pg_wal_replay_resume pg_backup_start pg_backup_stop pg_start_backup pg_stop_backup
		pg_log_backend_memory_contexts pg_import_system_collations pg_replication_origin_create
		pg_replication_origin_advance pg_replication_origin_session_setup pg_replication_origin_session_reset
		pg_replication_origin_xact_setup pg_replication_origin_xact_reset pg_extension_config_dump
		pg_create_physical_replication_slot pg_copy_physical_replication_slot pg_sync_replication_slots`},
	{function{carrier, read | write | destroy | access}, "pg_drop_replication_slot pg_replication_origin_drop pg_replication_slot_advance"},
	{function{reveals, read}, `pg_stat_get_activity pg_stat_get_backend_activity pg_prepared_statement pg_cursor
		pg_mcv_list_items pg_stat_statements pg_get_replication_slots current_query`},
	{function{reveals, read | credential}, "pg_stat_get_wal_receiver pg_hba_file_rules pg_ident_file_mappings pg_show_all_file_settings"},
	{function{runner, read | code | opaque}, `query_to_xml query_to_xmlschema query_to_xml_and_xmlschema cursor_to_xml
		cursor_to_xmlschema table_to_xml table_to_xmlschema table_to_xml_and_xmlschema schema_to_xml schema_to_xmlschema
		schema_to_xml_and_xmlschema database_to_xml database_to_xmlschema database_to_xml_and_xmlschema ts_stat
		ts_rewrite xpath_table dblink dblink_exec postgres_fdw_get_connections lo_get loread lo_open lo_lseek lo_lseek64 lo_tell lo_tell64 lo_close
		pg_logical_slot_get_changes pg_logical_slot_peek_changes pg_logical_slot_get_binary_changes
		pg_logical_slot_peek_binary_changes pg_create_logical_replication_slot pg_copy_logical_replication_slot
		page_header tuple_data_split heap_tuple_infomask_flags pgrowlocks verify_heapam`},
	{function{runner, read | write | code | opaque}, `lo_creat lo_create lo_from_bytea lo_put lowrite lo_truncate lo_truncate64`},
	{function{runner, read | destroy | code | opaque}, "lo_unlink"},
	{function{runner, read | write | credential | code | opaque}, `lo_import lo_export pg_read_file pg_read_binary_file
		pg_read_file_old pg_read_server_files pg_ls_dir pg_stat_file pg_ls_logdir pg_ls_waldir pg_ls_archive_statusdir pg_ls_tmpdir
		pg_ls_replslotdir pg_ls_logicalsnapdir pg_ls_logicalmapdir pg_file_write pg_file_unlink pg_file_rename pg_file_sync
		pg_logdir_ls pg_current_logfile`},
}
