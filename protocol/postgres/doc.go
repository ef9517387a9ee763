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
// understood. Refusals are recorded as denied operations. Of the startup
// parameter "options", "-c name=value" and "--name=value" are taken where the
// same parameter by itself would be. Where columns are masked, the payload of
// notifications is hidden, because a trigger may have made it of a row.
//
// # Names
//
// What a statement runs by name counts as what it does: EXECUTE has the verb,
// effects and objects of the prepared statement, FETCH and MOVE those of a
// portal of the protocol. A name of which the gateway does not know what is
// behind it is answered as one that does not exist. Functions that prepare,
// deallocate or open cursors under names of the client's are not seen through:
// who may run code may do that.
//
// # What a DBA sees
//
// The session's id stands in application_name when the session begins. A
// client may set another name later; the record has the session's times.
//
// # Denials
//
// A denied statement answers with SQLSTATE 42501, in its place in the
// pipeline; missing statements and portals with 26000 and 34000, messages over
// a bound with 54000. Of a batch with a denial nothing is carried out. Inside a
// transaction, or behind a Flush, the transaction is failed at the target too,
// by a statement that cannot parse and that says so in the target's log.
package postgres
