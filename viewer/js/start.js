// Reads the data and starts the page; says so in the page when the data cannot be read.
(function (root) {
  'use strict';

  const flame = root.flame;

  function fail(error) {
    const box = flame.byId('empty');
    box.hidden = false;
    box.setAttribute('role', 'alert');
    box.textContent = error.message;
    document.documentElement.classList.add('failed');
  }

  async function start() {
    try {
      flame.app = flame.createApp(await flame.decode(flame.byId('flame-data').textContent));
    } catch (error) {
      fail(error);
      return;
    }
    flame.app.start();
    document.documentElement.dataset.ready = '1';
  }

  start();
})(globalThis);
