// Pages made from a description (rig.mjs) with the parts of the source tree, in one file and under the policy of
// joined pages: what C would have to be taught to write, and what no writer would.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { deflateSync } from 'node:zlib';
import { folder } from './lib.mjs';
import { makeBytes } from './rig.mjs';

const POLICY = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'";
const part = (name) => readFileSync(join('viewer', name), 'utf8');

// The page with that text between the tags of its data.
export function pageOf(data) {
  return part('page.html')
    .replace(/<meta charset[^>]*>/, (meta) => `${meta}\n<meta http-equiv="Content-Security-Policy" content="${POLICY}">`)
    .replace(/<link rel="stylesheet" href="([^"]+)"[^>]*>/g, (_, name) => `<style>\n${part(name)}</style>`)
    .replace(/(<script id="flame-data"[^>]*>)[^]*?(<\/script>)/, (_, open, close) => `${open}\n${data}${close}`)
    .replace(/<script src="([^"]+)"[^>]*>/g, (_, name) => `<script>\n${part(name)}`);
}

let count = 0;

// The file of a page with those data (bytes as of makeBytes(), or a description).
export function madeFile(spec) {
  const bytes = spec instanceof Uint8Array ? spec : makeBytes(spec);
  const file = join(folder, `made-${++count}.html`);
  writeFileSync(file, pageOf(deflateSync(bytes).toString('base64')));
  return file;
}
