import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { configurationSchema } from '../../src/config/index.ts';

const HAS_VALIDATOR = spawnSync('python3', ['-c', 'import jsonschema, yaml']).status === 0;

/** Python's YAML and its validator, which know nothing of ours; the answer is a line for each document. */
function verdicts(documents: readonly string[]): readonly string[] {
  const program = `
import json, sys, yaml
from jsonschema import Draft202012Validator
given = json.load(sys.stdin)
Draft202012Validator.check_schema(given['schema'])
validator = Draft202012Validator(given['schema'])
for text in given['documents']:
    errors = sorted(validator.iter_errors(yaml.safe_load(text)), key=str)
    print('ok' if not errors else '/'.join(map(str, errors[0].absolute_path)) + ' is wrong')
`;
  const input = JSON.stringify({ schema: configurationSchema(), documents });
  return execFileSync('python3', ['-c', program], { input, encoding: 'utf8' }).trim().split('\n');
}

test('a validator that is not ours agrees with it', {
  skip: !HAS_VALIDATOR,
}, () => {
  const gw = (rest: string): string => `connections: {gw: {local: {auth: psk}, remote: {auth: psk}${rest}}}`;
  assert.deepEqual(
    verdicts([
      gw(''),
      gw(', version: 2, mobike: no, rekey_time: 4h, remote_addrs: [192.0.2.1, a.example], dpd_delay: 30'),
      gw(', remote_addrs: "192.0.2.1, 192.0.2.2", children: {net: {local_ts: 10.1.0.0/16, mark_in: 5}, b: }'),
      'secrets: {ike-1: {secret: 0x01, id-1: a}, private-x: {file: a, secret: b}}\npools: {rw: {addrs: 10.0.0.0/8, "28": x}}',
      'x-a: &a {mobike: no}\nconnections: {gw: {<<: *a}}',
      gw(', mobbike: no'),
      gw(', version: 3'),
      gw(', keyingtries: -1'),
      gw(', children: {net: {mode: tunel}}'),
      'conections: {}',
      'secrets: {iek: {secret: x}}',
    ]),
    [
      ...Array<string>(5).fill('ok'),
      'connections/gw is wrong',
      'connections/gw/version is wrong',
      'connections/gw/keyingtries is wrong',
      'connections/gw/children/net/mode is wrong',
      ' is wrong',
      'secrets is wrong',
    ],
  );
});
