// Works through a gateway with node-postgres: DSN in DATABASE_URL; prints
// what it saw as one line of JSON.
const { Client } = require('pg');

async function main() {
  const client = new Client({ connectionString: process.env.DATABASE_URL });
  const notices = [];
  client.on('notice', (n) => notices.push(n.message));
  await client.connect();
  const seen = {};
  await client.query('CREATE TABLE n(a int, b text, at timestamptz)');
  await client.query('INSERT INTO n VALUES ($1, $2, now())', [1, 'one']);
  for (let i = 0; i < 3; i++) {
    const r = await client.query({ name: 'named', text: 'SELECT a, b FROM n WHERE a = $1', values: [1] });
    seen.named = r.rows;
  }
  seen.several = (await client.query('SELECT 1 AS x; SELECT 2 AS y')).map((r) => r.rows[0]);
  try {
    await client.query('DROP TABLE n');
  } catch (e) {
    seen.denied = e.code;
  }
  try {
    await client.query('SELECT * FROM nowhere');
  } catch (e) {
    seen.error = e.code;
  }
  seen.after = (await client.query('SELECT count(*)::int AS n FROM n')).rows[0].n;
  await client.end();
  console.log(JSON.stringify(seen));
}

main().catch((e) => { console.error(e); process.exit(1); });
