import assert from 'node:assert/strict';
import { test } from 'node:test';
import { configurationSchema } from './json-schema.ts';

type Json = { readonly [word: string]: Json } & { readonly enum?: readonly unknown[] };

function schema(): Json {
  return JSON.parse(JSON.stringify(configurationSchema())) as Json;
}

test('the schema has every section and key, with what it takes', () => {
  const { properties } = schema();
  assert.deepEqual(Object.keys(properties ?? {}), [
    'connections',
    'secrets',
    'pools',
    'authorities',
    'manual',
  ]);
  const connection = properties?.['connections']?.['additionalProperties'];
  const version = connection?.['properties']?.['version']?.['anyOf'] as unknown as readonly Json[];
  assert.deepEqual(version[0]?.enum, [0, '0', 1, '1', 2, '2']);
  const mobike = connection?.['properties']?.['mobike']?.['anyOf'] as unknown as readonly Json[];
  assert.ok([true, false, 'yes', 'no'].every(value => mobike[0]?.enum?.includes(value)));
  const child = connection?.['properties']?.['children']?.['additionalProperties'];
  assert.ok(child?.['properties']?.['local_ts'] !== undefined);
  assert.equal(String(child?.['additionalProperties']), 'false');
});
