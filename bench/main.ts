import { benchEsp } from './esp.ts';
import { benchLists } from './lists.ts';
import { benchMemory } from './memory.ts';
import { type Row, render } from './row.ts';
import { benchSetup } from './setup.ts';
import { benchWire } from './wire.ts';

/** `npm run bench` measures everything; `npm run bench -- wire esp` the named parts. `--json` prints the rows as they are. */
const PARTS: Readonly<
  Record<string, { title: string; run: () => readonly Row[] | Promise<readonly Row[]> }>
> = {
  wire: { title: 'Messages', run: benchWire },
  setup: { title: 'Set-ups of an IKE SA with a child (responder, µs of CPU)', run: benchSetup },
  lists: { title: 'Revocation lists', run: benchLists },
  memory: { title: 'Memory of an established IKE SA with one child', run: benchMemory },
  esp: { title: 'ESP in user space', run: benchEsp },
};

const wanted = process.argv.slice(2).filter(word => !word.startsWith('--'));
const json = process.argv.includes('--json');
const unknown = wanted.filter(name => !Object.hasOwn(PARTS, name));
if (unknown.length > 0) {
  console.error(`there is no bench named ${unknown.join(', ')}; there are: ${Object.keys(PARTS).join(', ')}`);
  process.exit(2);
}
const results: Record<string, readonly Row[]> = {};
for (const [name, { title, run }] of Object.entries(PARTS)) {
  if (wanted.length > 0 && !wanted.includes(name)) continue;
  const rows = await run();
  results[name] = rows;
  if (!json) console.log(render(title, rows));
}
if (json) console.log(JSON.stringify(results, null, 2));
