// Unpacks the page's code and style, which join.sh deflates, and runs them. Only in joined pages; needs
// inflate.js. A page whose code does not start keeps its plain table.
(function (root) {
  'use strict';

  const unpack = (id) => {
    const text = root.atob(document.getElementById(id).textContent.trim());
    const bytes = new Uint8Array(text.length);
    for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
    return root.flame.inflateBytes(bytes);
  };
  const put = (tag, bytes) => {
    const e = document.createElement(tag);
    e.textContent = new TextDecoder().decode(bytes);
    document.head.append(e);
  };

  Promise.all([unpack('flame-style'), unpack('flame-code')])
    .then(([style, code]) => {
      put('style', style);
      put('script', code);
    })
    .catch((error) => {
      document.documentElement.classList.add('failed');
      const box = document.getElementById('empty');
      box.hidden = false;
      box.textContent = error.message;
    });
})(globalThis);
