// Package postgres lets PostgreSQL clients work through a gateway: psql,
// libpq, pgx, node-postgres and whatever else speaks protocol 3.0.
//
// [New] makes the plugin. The client proves itself to the gateway; the gateway
// logs in to the target with the credential that Config.Login returns. Every
// statement is judged by its parsed meaning, by PostgreSQL's own grammar, and
// recorded before it is forwarded; a statement that does not parse counts as
// everything at once. Rows are masked by the column of the table that a value
// comes from, in text and binary format.
//
// # What is refused
//
// Replication, FunctionCall messages, client encodings other than UTF-8,
// startup parameters outside a short list, and, where columns are masked,
// statements through which a masked value could leave in a shape that is not
// understood. Refusals are recorded as denied operations.
//
// # Denials
//
// A denied statement answers with SQLSTATE 42501, in its place in the
// pipeline. Inside a transaction, or behind a Flush, the transaction is failed
// at the target too, by a statement that cannot parse and that says so in the
// target's log.
package postgres
