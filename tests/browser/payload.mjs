// Reads a page on stdin and prints its data, for tests of the command line.
//   sums    run|kind|samples|value of each kind of each run (default)
//   raw     everything in the payload, inflated
//   head    what the payload says of itself, JSON
//   source  file, line, its text if there is any, and what it costs, one JSON array a line
import { readFileSync } from 'node:fs';
import { inflateSync } from 'node:zlib';
import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);
const flame = { ...require('../../viewer/js/decode.js'), ...require('../../viewer/js/weigh.js') };
const html = readFileSync(0, 'latin1');
const tag = '<script id="flame-data" type="text/plain">';
const start = html.indexOf(tag) + tag.length;
const base64 = html.slice(start, html.indexOf('</script>', start));
const what = process.argv[2] ?? 'sums';

function sums(profile) {
  const { groups, samples } = profile;
  const rows = profile.runs.map(() => profile.kinds.map(() => [0, 0]));
  for (let g = 0; g < groups.samples.length; g++) {
    const row = rows[groups.run[g]][groups.kind[g]];
    for (let i = groups.first[g]; i < groups.first[g] + groups.samples[g]; i++) {
      row[0] += samples.count[i];
      row[1] += samples.value[i];
    }
  }
  rows.forEach((kinds, run) => kinds.forEach(([count, value], k) => {
    if (count || value) console.log(`${run}|${profile.kinds[k]}|${count}|${value}`);
  }));
}

function source({ source: { columns, files } }) {
  for (const { name, lines, windows } of files) {
    const text = new Map();
    for (const w of windows) w.lines.forEach((t, i) => text.set(w.first + i, t));
    for (const { no, self, total } of lines) {
      const costs = columns.map((kind, k) => [kind, { self: self[k], total: total[k] }]);
      console.log(JSON.stringify([name, no, text.get(no) ?? null, Object.fromEntries(costs)]));
    }
  }
}

if (what === 'raw') {
  process.stdout.write(inflateSync(Buffer.from(base64, 'base64')));
} else {
  const profile = await flame.decode(base64);
  if (what === 'sums') sums(profile);
  else if (what === 'head') console.log(JSON.stringify(profile.meta));
  else if (what === 'source') source(profile);
  else throw new Error(`nothing is known of '${what}'`);
}
