import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isUnique, isUniqueOfIke, kernelOptions } from './kernel-config.ts';

const ALL = 0xffff_ffff;

test('numbers pass as they are', () => {
  const config = {
    markIn: { value: 5, mask: 0xff },
    interfaceOut: 7,
    setMarkOut: { value: 9, mask: ALL },
    priority: 12,
    copyDf: false,
  };
  assert.equal(isUnique(config), false);
  assert.deepEqual(kernelOptions(config, 3), config);
  assert.deepEqual(kernelOptions({}, 3), {});
});

test('%unique is one number for both directions, %unique-dir two, and no other SA has them', () => {
  const both = { markIn: { value: 'unique', mask: ALL }, markOut: { value: 'unique', mask: ALL } } as const;
  const apart = { interfaceIn: 'unique-dir', interfaceOut: 'unique-dir' } as const;
  assert.ok(isUnique(both) && isUnique(apart));
  const seen = new Set<number>();
  for (let reqid = 1; reqid <= 100; reqid++) {
    const { markIn, markOut } = kernelOptions(both, reqid);
    assert.deepEqual(markIn, markOut);
    const { interfaceIn, interfaceOut } = kernelOptions(apart, 1000 + reqid);
    assert.notEqual(interfaceIn, interfaceOut);
    for (const number of [markIn?.value, interfaceIn, interfaceOut]) seen.add(number as number);
  }
  assert.equal(seen.size, 300);
});

test('%unique of an IKE SA is one number for all its children, and theirs alone', () => {
  const both = { interfaceIn: 'unique-ike', interfaceOut: 'unique-ike' } as const;
  const apart = { interfaceIn: 'unique-ike-dir', interfaceOut: 'unique-ike' } as const;
  assert.ok(isUnique(both) && isUniqueOfIke(both) && isUniqueOfIke(apart));
  assert.equal(isUniqueOfIke({ interfaceIn: 'unique', interfaceOut: 5 }), false);
  const first = kernelOptions(both, 7);
  assert.equal(first.interfaceIn, first.interfaceOut);
  assert.deepEqual(kernelOptions(both, 8, 7), first);
  assert.notDeepEqual(kernelOptions(both, 8), first);
  const { interfaceIn, interfaceOut } = kernelOptions(apart, 9, 7);
  assert.notEqual(interfaceIn, interfaceOut);
  // Beside numbers that each child has for itself.
  const mixed = kernelOptions({ interfaceIn: 'unique', interfaceOut: 'unique-ike' }, 9, 7);
  assert.notEqual(mixed.interfaceIn, mixed.interfaceOut);
});

test('%same sets the mark that chose the SA', () => {
  const config = { markIn: { value: 'unique', mask: ALL }, setMarkIn: 'same', setMarkOut: 'same' } as const;
  const { markIn, setMarkIn, setMarkOut } = kernelOptions(config, 4);
  assert.deepEqual(setMarkIn, markIn);
  assert.equal(setMarkOut, undefined);
});
