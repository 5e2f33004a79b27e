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
    let profile;
    try {
      profile = await flame.decode(flame.byId('flame-data').textContent);
    } catch (error) {
      fail(error);
      return;
    }
    try {
      flame.app = flame.createApp(profile);
      flame.app.start();
    } catch (error) {
      fail(error);
      throw error; // a fault of ours: the console has it whole
    }
    document.documentElement.dataset.ready = '1';
    document.documentElement.classList.remove('failed');
  }

  start();
})(globalThis);
