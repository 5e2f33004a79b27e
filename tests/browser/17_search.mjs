// Expressions that would take for ever end with a message; the others find what they always find.
import { core, fails, is, ok, run, test } from './harness.mjs';
import { makeProfile, random } from './rig.mjs';

const flame = core('search');
const find = (text, name) => flame.compile(text).test(name);

test('what would never end is given up, whatever it looks like', async () => {
  const bombs = [
    ['(a+)+$', `${'a'.repeat(4095)}!`], ['(a|a|a|a|a|a)+$', `${'a'.repeat(200)}!`], ['(aaaaa|aaaaaaaaaa)+$', `${'a'.repeat(4000)}!`],
    ['.*.*.*.*x', 'y'.repeat(4096)], ['(\\w+\\s?)*$', 'word word word word word word word word word!'], ['a+a+a+a+b', 'a'.repeat(4096)],
    ['(.*)*=(.*)*', 'x'.repeat(100)], ['^(([a-z])+.)+[A-Z]([a-z])+$', 'a'.repeat(60)], ['(?:a{1,9}){1,99}b', 'a'.repeat(300)], ['module:(a+)+$', `${'a'.repeat(90)}!`],
  ];
  for (const [text, name] of bombs) {
    const from = performance.now();
    await fails(() => find(text, name), /takes too long/, text);
    console.log(`# ${text}: ${(performance.now() - from).toFixed(0)} ms`);
  }
  const p = makeProfile({ stacks: [[`main;${'a'.repeat(60)}!`, 1]] });
  await fails(() => flame.matchLabels(p, flame.compile('(a+)+$')), /takes too long/, 'labels');
});

test('repetitions find what they find without care', () => {
  const next = random(5);
  const texts = ['(::\\w+)+', '(foo|bar)+$', '^(a|b)*c', '\\w+<\\w+>.*::', '(ab){2,3}', 'a.*b.*c', '^[^:]+(::[^:]+){2}$', '([(]int[)])+', '\\)+x*y*', '(?=.*a)(?=.*b)x*'];
  const parts = ['a', 'b', 'c', '::', 'foo', 'bar', '<int>', '(int)', '_', 'ab', ')', ' '];
  let found = 0;
  for (let k = 0; k < 3000; k++) {
    const name = Array.from({ length: Math.floor(next() * 14) }, () => parts[Math.floor(next() * parts.length)]).join('');
    const text = texts[k % texts.length];
    const want = new RegExp(text, 'iu').test(name);
    is(find(text, name), want, `${text} in '${name}':`);
    if (want) found++;
  }
  ok(found > 300 && found < 2700, `${found} found`);
});

await run();
