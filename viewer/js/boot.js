// Unpacks the page's style and code, which join.sh packs, and runs them. Only in joined pages; needs
// inflate.js. A page whose code does not start keeps its plain table.
(function (root) {
  'use strict';

  const digits = new Uint8Array(128);
  for (let c = 33, n = 0; c < 127; c++) if (c !== 38 && c !== 60 && c !== 92) digits[c] = n++;

  // Two letters for 13 bits, lowest first: the other side of letters() in join.sh, whose lines have whole pairs.
  function bytesOf(script) {
    const text = script.textContent;
    const bytes = new Uint8Array(Number(script.dataset.bytes));
    for (let i = 0, at = 0, held = 0, bits = 0; i + 1 < text.length; ) {
      const c = text.charCodeAt(i);
      if (c < 33) {
        i++;
        continue;
      }
      held |= (digits[c] + 91 * digits[text.charCodeAt(i + 1)]) << bits;
      for (bits += 13, i += 2; bits > 7; bits -= 8, held >>>= 8) bytes[at++] = held;
    }
    return bytes;
  }

  async function unpack(selector) {
    const scripts = Array.from(document.querySelectorAll(selector));
    const parts = await Promise.all(scripts.map((script) => root.flame.inflateBytes(bytesOf(script))));
    return parts.map((bytes) => new TextDecoder().decode(bytes)).join('\n');
  }

  function put(tag, text) {
    const e = document.createElement(tag);
    e.textContent = text;
    document.head.append(e);
  }

  Promise.all([unpack('[id^="flame-style"]'), unpack('[id^="flame-code"]')])
    .then(([style, code]) => {
      put('style', style);
      put('script', code);
      if (!root.flame.createApp) throw new Error('this browser cannot run the code of the page; use one from 2020 or later');
    })
    .catch((error) => {
      document.documentElement.classList.add('failed');
      const box = document.getElementById('empty');
      box.hidden = false;
      box.textContent = error.message;
    });
})(globalThis);
