package sql

import "github.com/sallyport/sallyport/protocol"

// simpleStatement is a kind of statement whose meaning is one row of a table.
type simpleStatement struct {
	verb    string
	effects protocol.Effects
	// kindField holds the kind of object, which is added to the verb;
	// nameField holds the object's name, of kind kind.
	kindField, nameField, kind string
	// hidden is a reason to refuse it while anything is protected, see facts.
	hidden string
	// alters: must not name protected relations, see relationUse.changed.
	alters bool
}

const (
	newCode  = "code that the gateway cannot see into"
	newPaths = "another way to the data"
)

func simpleStatements() map[string]simpleStatement {
	return map[string]simpleStatement{
		"CreateSeqStmt":                {verb: "create sequence", effects: schema},
		"AlterSeqStmt":                 {verb: "alter sequence", effects: schema},
		"CreateSchemaStmt":             {verb: "create schema", effects: schema, nameField: "schemaname", kind: "schema"},
		"CreateEnumStmt":               {verb: "create type", effects: schema, nameField: "typeName", kind: "type"},
		"CreateRangeStmt":              {verb: "create type", effects: schema | code, nameField: "typeName", kind: "type", hidden: newCode},
		"CompositeTypeStmt":            {verb: "create type", effects: schema},
		"AlterEnumStmt":                {verb: "alter type", effects: schema, nameField: "typeName", kind: "type"},
		"AlterTypeStmt":                {verb: "alter type", effects: schema | code, nameField: "typeName", kind: "type", hidden: newCode},
		"CreateDomainStmt":             {verb: "create domain", effects: schema, nameField: "domainname", kind: "domain"},
		"AlterDomainStmt":              {verb: "alter domain", effects: schema, nameField: "typeName", kind: "domain"},
		"CreateStatsStmt":              {verb: "create statistics", effects: schema, nameField: "defnames", kind: "statistics", alters: true},
		"AlterStatsStmt":               {verb: "alter statistics", effects: schema, nameField: "defnames", kind: "statistics"},
		"CommentStmt":                  {verb: "comment on", effects: schema, kindField: "objtype", nameField: "object"},
		"AlterCollationStmt":           {verb: "alter collation", effects: schema, nameField: "collname", kind: "collation"},
		"CreateConversionStmt":         {verb: "create conversion", effects: schema | code, nameField: "conversion_name", kind: "conversion", hidden: newCode},
		"AlterTSDictionaryStmt":        {verb: "alter text search dictionary", effects: schema, nameField: "dictname", kind: "text search dictionary"},
		"AlterTSConfigurationStmt":     {verb: "alter text search configuration", effects: schema, nameField: "cfgname", kind: "text search configuration"},
		"DefineStmt":                   {verb: "create", effects: schema | code, kindField: "kind", nameField: "defnames", hidden: newCode},
		"CreateFunctionStmt":           {verb: "create function", effects: schema | code, nameField: "funcname", kind: "function", hidden: newCode},
		"AlterFunctionStmt":            {verb: "alter", effects: schema | code | access, kindField: "objtype", nameField: "func", hidden: newCode},
		"CreateTrigStmt":               {verb: "create trigger", effects: schema | code, nameField: "trigname", kind: "trigger", hidden: newCode},
		"CreateEventTrigStmt":          {verb: "create event trigger", effects: schema | code, nameField: "trigname", kind: "event trigger", hidden: newCode},
		"AlterEventTrigStmt":           {verb: "alter event trigger", effects: schema | code | access, nameField: "trigname", kind: "event trigger", hidden: newCode},
		"RuleStmt":                     {verb: "create rule", effects: schema | code, nameField: "rulename", kind: "rule", hidden: newCode},
		"CreateExtensionStmt":          {verb: "create extension", effects: schema | code, nameField: "extname", kind: "extension", hidden: newCode},
		"AlterExtensionStmt":           {verb: "alter extension", effects: schema | code, nameField: "extname", kind: "extension", hidden: newCode},
		"AlterExtensionContentsStmt":   {verb: "alter extension", effects: schema | code, nameField: "extname", kind: "extension", hidden: newCode},
		"CreatePLangStmt":              {verb: "create language", effects: schema | code, nameField: "plname", kind: "language", hidden: newCode},
		"CreateCastStmt":               {verb: "create cast", effects: schema | code, hidden: newCode},
		"CreateTransformStmt":          {verb: "create transform", effects: schema | code, hidden: newCode},
		"CreateOpClassStmt":            {verb: "create operator class", effects: schema | code, nameField: "opclassname", kind: "operator class", hidden: newCode},
		"CreateOpFamilyStmt":           {verb: "create operator family", effects: schema | code, nameField: "opfamilyname", kind: "operator family", hidden: newCode},
		"AlterOpFamilyStmt":            {verb: "alter operator family", effects: schema | code, nameField: "opfamilyname", kind: "operator family", hidden: newCode},
		"AlterOperatorStmt":            {verb: "alter operator", effects: schema | code, nameField: "opername", kind: "operator", hidden: newCode},
		"CreateAmStmt":                 {verb: "create access method", effects: schema | code, nameField: "amname", kind: "access method", hidden: newCode},
		"LoadStmt":                     {verb: "load", effects: code | opaque, nameField: "filename", kind: "file", hidden: newCode},
		"CreateFdwStmt":                {verb: "create foreign data wrapper", effects: schema | code, nameField: "fdwname", kind: "foreign data wrapper", hidden: newPaths},
		"AlterFdwStmt":                 {verb: "alter foreign data wrapper", effects: schema | code, nameField: "fdwname", kind: "foreign data wrapper", hidden: newPaths},
		"CreateForeignServerStmt":      {verb: "create server", effects: schema | access | credential, nameField: "servername", kind: "server", hidden: newPaths},
		"AlterForeignServerStmt":       {verb: "alter server", effects: schema | access | credential, nameField: "servername", kind: "server", hidden: newPaths},
		"CreateForeignTableStmt":       {verb: "create foreign table", effects: schema, hidden: newPaths},
		"ImportForeignSchemaStmt":      {verb: "import foreign schema", effects: schema | opaque, nameField: "server_name", kind: "server", hidden: newPaths},
		"CreateUserMappingStmt":        {verb: "create user mapping", effects: schema | access | credential, nameField: "servername", kind: "server", hidden: newPaths},
		"AlterUserMappingStmt":         {verb: "alter user mapping", effects: schema | access | credential, nameField: "servername", kind: "server", hidden: newPaths},
		"DropUserMappingStmt":          {verb: "drop user mapping", effects: destroy | schema | access, nameField: "servername", kind: "server"},
		"CreatePublicationStmt":        {verb: "create publication", effects: schema | access, nameField: "pubname", kind: "publication", hidden: newPaths},
		"AlterPublicationStmt":         {verb: "alter publication", effects: schema | access, nameField: "pubname", kind: "publication", hidden: newPaths},
		"CreateSubscriptionStmt":       {verb: "create subscription", effects: schema | write | access | credential, nameField: "subname", kind: "subscription", hidden: newPaths},
		"AlterSubscriptionStmt":        {verb: "alter subscription", effects: schema | write | access | credential, nameField: "subname", kind: "subscription", hidden: newPaths},
		"DropSubscriptionStmt":         {verb: "drop subscription", effects: destroy | schema, nameField: "subname", kind: "subscription"},
		"GrantStmt":                    {verb: "grant", effects: access, kindField: "objtype", nameField: "objects"},
		"GrantRoleStmt":                {verb: "grant role", effects: access},
		"AlterDefaultPrivilegesStmt":   {verb: "alter default privileges", effects: access},
		"CreatePolicyStmt":             {verb: "create policy", effects: schema | access, nameField: "policy_name", kind: "policy", alters: true},
		"AlterPolicyStmt":              {verb: "alter policy", effects: schema | access, nameField: "policy_name", kind: "policy", alters: true},
		"SecLabelStmt":                 {verb: "security label on", effects: access, kindField: "objtype", nameField: "object"},
		"AlterOwnerStmt":               {verb: "alter", effects: schema | access, kindField: "objectType", nameField: "object"},
		"ReassignOwnedStmt":            {verb: "reassign owned", effects: schema | access, nameField: "roles", kind: "role"},
		"DropOwnedStmt":                {verb: "drop owned", effects: destroy | schema | access, nameField: "roles", kind: "role"},
		"CreateRoleStmt":               {verb: "create role", effects: access, nameField: "role", kind: "role"},
		"AlterRoleStmt":                {verb: "alter role", effects: access, nameField: "role", kind: "role"},
		"AlterRoleSetStmt":             {verb: "alter role", effects: access, nameField: "role", kind: "role"},
		"DropRoleStmt":                 {verb: "drop role", effects: destroy | access, nameField: "roles", kind: "role"},
		"CreatedbStmt":                 {verb: "create database", effects: schema | opaque, nameField: "dbname", kind: "database", hidden: newPaths},
		"AlterDatabaseStmt":            {verb: "alter database", effects: schema | access, nameField: "dbname", kind: "database"},
		"AlterDatabaseSetStmt":         {verb: "alter database", effects: schema | access, nameField: "dbname", kind: "database"},
		"AlterDatabaseRefreshCollStmt": {verb: "alter database", effects: schema, nameField: "dbname", kind: "database"},
		"DropdbStmt":                   {verb: "drop database", effects: destroy | schema, nameField: "dbname", kind: "database"},
		"CreateTableSpaceStmt":         {verb: "create tablespace", effects: schema | access, nameField: "tablespacename", kind: "tablespace"},
		"AlterTableSpaceOptionsStmt":   {verb: "alter tablespace", effects: schema, nameField: "tablespacename", kind: "tablespace"},
		"DropTableSpaceStmt":           {verb: "drop tablespace", effects: destroy | schema, nameField: "tablespacename", kind: "tablespace"},
		"AlterTableMoveAllStmt":        {verb: "alter all in tablespace", effects: schema, nameField: "orig_tablespacename", kind: "tablespace"},
		"AlterSystemStmt":              {verb: "alter system", effects: write | access | code, hidden: newCode},
		"AlterObjectDependsStmt":       {verb: "alter", effects: schema, kindField: "objectType", nameField: "object"},
		"AlterObjectSchemaStmt":        {verb: "alter", effects: schema, kindField: "objectType", nameField: "object", alters: true},
		"RefreshMatViewStmt":           {verb: "refresh materialized view", effects: read | write | code},
		"VacuumStmt":                   {verb: "vacuum", effects: write},
		"ClusterStmt":                  {verb: "cluster", effects: write},
		"ReindexStmt":                  {verb: "reindex", effects: write, kindField: "kind"},
		"CheckPointStmt":               {verb: "checkpoint", effects: write},
		"LockStmt":                     {verb: "lock", effects: write},
		"DiscardStmt":                  {verb: "discard", kindField: "target"},
		"ListenStmt":                   {verb: "listen", effects: read, nameField: "conditionname", kind: "channel"},
		"UnlistenStmt":                 {verb: "unlisten"},
		"NotifyStmt":                   {verb: "notify", effects: write, nameField: "conditionname", kind: "channel"},
		"TruncateStmt":                 {verb: "truncate", effects: destroy},
		"DoStmt":                       {verb: "do", effects: protocol.Everything, hidden: newCode},
		"CallStmt":                     {verb: "call", effects: read | write | code | opaque, hidden: newCode},
	}
}
