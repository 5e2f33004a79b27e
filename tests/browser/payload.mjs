// Reads a page on stdin and prints "samples|value" of its data, for tests of the command line.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);
const flame = { ...require('../../viewer/js/decode.js'), ...require('../../viewer/js/weigh.js') };
const html = readFileSync(0, 'latin1');
const start = html.indexOf('type="text/plain">') + 18;
const profile = await flame.decode(html.slice(start, html.indexOf('</script>', start)));
const own = flame.weigh(profile, {});
const sum = (column) => column.reduce((a, b) => a + b, 0);
console.log(`${sum(own.selfCount)}|${sum(own.selfValue)}`);
